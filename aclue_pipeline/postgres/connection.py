"""Connections: a URL becomes a `Database` whose sessions run in UTC, whose password is never shown, and whose failures are
the named errors. SQLAlchemy 2.1 over psycopg 3; Dagster's own storage (psycopg2) does not pass here."""

import ipaddress
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.pq import TransactionStatus

from aclue_pipeline.errors import (
    AclueError,
    FileUnusable,
    InsecureConnection,
    SettingsError,
    Unreachable,
    WrongPassword,
)

# Of a connection that is cut in a COPY or a pipeline it warns besides that it cannot end those: the error says all.
logging.getLogger("psycopg").setLevel(logging.ERROR)

#: Ends each of our statements, so that the server's statistics, which keep no session's name, tell them from those of others. Before the
#: first word, PostgreSQL 18 would not keep it.
SIGNATURE = "/* aclue */"


#: The driver's own connection.
Pg = psycopg.Connection[Any]


class _Signing(psycopg.Cursor[Any]):
    """A cursor whose statements are signed; of several in one text the last one, see `derived.statement.filled`."""

    def execute(self, query: Any, *values: Any, **how: Any) -> Self:
        return super().execute(_signed(query), *values, **how)

    def executemany(self, query: Any, *values: Any, **how: Any) -> None:
        super().executemany(_signed(query), *values, **how)


class _Connection(psycopg.Connection[Any]):
    """One whose statement ends with the waiting for it. The driver ends it for Python's own interrupts alone; for Dagster's, by which a
    run is terminated, the server would go on, its locks held, and tell it to nobody."""

    def wait(self, gen: Any, *rest: Any, **how: Any) -> Any:
        try:
            return super().wait(gen, *rest, **how)
        except BaseException as error:
            if not isinstance(error, Exception) and self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self._end(gen)
            raise

    def _end(self, gen: Any) -> None:
        try:
            self.cancel_safe(timeout=5)
            super().wait(gen, timeout=5)
        except psycopg.Error:
            pass  # that it was cancelled, mostly
        finally:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()


def _signed(query: Any) -> Any:
    end = f"\n{SIGNATURE}"
    if isinstance(query, str):
        return query.rstrip("; \n") + end
    return query + (end.encode() if isinstance(query, bytes) else sql.SQL(end))


_CONNECTING: dict[str, Any] = {
    "connect_timeout": 10,  # seconds
    "application_name": "aclue",
    "cursor_factory": _Signing,
    # Supabase's transaction pooler hands a session's prepared statements to somebody else.
    "prepare_threshold": None,
}
_SECURE = {"require", "verify-ca", "verify-full"}
_SCHEME = re.compile(r"([\w+]+)://")
# One way to read it, or none: a raw @ / ? # or % in a password would move the place where the host begins.
_URL = re.compile(
    r"[\w+]+://"
    r"(?:(?:[^@/?#%]|%[0-9A-Fa-f]{2})*@)?"  # user and password
    r"(?:\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.,-]+)?(?::[0-9]+)?"  # hosts and port
    r"(?:/[^@?]*)?(?:\?[^@]*)?"
)
_SILENT = re.compile(
    "refused|No such file|unreachable|No route|timed out|timeout expired|could not translate host|failed to resolve host"
)
_TLS = re.compile(r"certificate|private key|sslmode|\b(SSL|TLS)\b")
_CUT = ("08", "57P")  # classes of SQLSTATE: connection exceptions, shutting down, crashed, starting up
_TRY_AGAIN = {"40001", "40P01", "53300"}  # serialization failure, deadlock, too many connections
_NO_TEXT = re.compile("[\ud800-\udfff]")  # bytes that are no UTF-8
_LOOKS_LIKE = "it looks like postgresql://USER:PASSWORD@HOST:5432/NAME"


def parse_url(url: str, driver: str = "postgresql+psycopg") -> sa.URL:
    """The URL with its driver named, since `postgres://` (as Supabase hands it out) means another one in each version.

    Raises SettingsError for what is no PostgreSQL URL, InsecureConnection for another host without TLS.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise SettingsError(f"the database URL cannot be read; {_LOOKS_LIKE}")
    if scheme[1].split("+")[0] not in ("postgres", "postgresql"):
        raise SettingsError(f"{scheme[1]}:// is no PostgreSQL URL; {_LOOKS_LIKE}")
    parsed = sa.make_url(url) if _URL.fullmatch(url) and not _NO_TEXT.search(url) else None
    if parsed is None or not 0 < (parsed.port or 5432) < 65536:
        # What stands where the host should be may be part of a password, so nothing of it is repeated.
        raise SettingsError(
            "the database URL cannot be read: percent-encode @ / ? # and % in user and password"
            " (@ is %40, / is %2F, ? is %3F, # is %23, % is %25); a host is a name or an address, a port 1 to 65535"
        )
    if elsewhere := {"dbname", "service", "servicefile"} & parsed.query.keys():
        raise SettingsError(
            f"the database URL names a database by {min(elsewhere)}=: write host and database before the ?"
        )
    parsed = parsed.set(drivername=driver)
    if not all(map(_is_loopback, _hosts(parsed))) and parsed.query.get("sslmode") not in _SECURE:
        raise InsecureConnection(
            f"{', '.join(_hosts(parsed))} is another host: add sslmode=require (or verify-full) to its URL"
        )
    return parsed


def _hosts(url: sa.URL) -> list[str]:
    """Every host that the URL names, also those in its options, which the driver prefers; none means a local socket."""
    named = [url.host or "", *url.normalized_query.get("host", ()), *url.normalized_query.get("hostaddr", ())]
    return [host for text in named for host in text.split(",") if host]


def _is_loopback(host: str) -> bool:
    host = re.sub(r":\d+$", "", host) if host.count(":") == 1 else host
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Database:
    """One named database; opens on first use. `label` is what may be shown: host and name, no user, no password."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)

    def __repr__(self) -> str:
        return f"Database({self.label})"

    @property
    def name(self) -> str:
        return self._url.database or self._url.username or "postgres"

    @property
    def host(self) -> str:
        return ", ".join(_hosts(self._url)) or "local socket"

    @property
    def label(self) -> str:
        return f"{self.host}/{self.name}"

    @property
    def url(self) -> str:
        """With the password: for another process's environment, never for a log."""
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    @cached_property
    def engine(self) -> sa.Engine:
        engine = sa.create_engine(
            self._url,
            pool_pre_ping=True,
            pool_size=2,
            connect_args={name: value for name, value in _CONNECTING.items() if name not in self._url.query},
        )

        @sa.event.listens_for(engine, "do_connect")
        def _ours(_dialect: Any, _record: Any, arguments: Any, named: Any) -> Pg:
            return _Connection.connect(*arguments, **named)

        @sa.event.listens_for(engine, "connect")
        def _session_in_utc(connection: Any, _record: Any) -> None:
            # Not by the URL's `options`, which poolers drop or refuse.
            if connection.info.parameter_status("TimeZone") != "UTC":
                connection.execute("set time zone 'UTC'")
                connection.commit()

        return engine

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction: committed at the end, rolled back on an error."""
        with self._named_errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def autocommit(self) -> Iterator[sa.Connection]:
        """Each statement by itself, for what PostgreSQL refuses inside a transaction."""
        with self._named_errors(), self.engine.connect() as connection:
            pg = connection.connection.driver_connection
            try:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
            finally:
                if pg is not None and pg.closed:  # there is nothing to reset, which the pool would tell by a traceback
                    connection.invalidate()

    @contextmanager
    def apart(self) -> Iterator[Pg]:
        """The driver's own connection in autocommit, closed afterwards, that was told nothing: no option, no SET."""
        _, address = self.engine.dialect.create_connect_args(self._url)
        with self._named_errors(connecting=True):
            pg = _Connection.connect(**{**_CONNECTING, **address}, autocommit=True)
        try:
            with self._named_errors():
                yield pg
        finally:
            pg.close()

    @contextmanager
    def psycopg(self) -> Iterator[Pg]:
        """The driver's own connection in one transaction, for COPY and for composing identifiers."""
        with self._named_errors(connecting=True):
            pooled = self.engine.raw_connection()
        with self._named_errors():
            pg: Pg = pooled.driver_connection  # type: ignore[assignment]
            try:
                yield pg
                pg.commit()
            except BaseException:
                if not pg.closed:
                    pg.rollback()
                raise
            finally:
                if pg.closed:
                    pooled.invalidate()
                pooled.close()

    def close(self) -> None:
        if "engine" in self.__dict__:
            self.engine.dispose()

    @contextmanager
    def _named_errors(self, connecting: bool = False) -> Iterator[None]:
        """`connecting`: no statement is sent inside, so that whatever fails is the connection."""
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
            # Of what failed before there was a connection SQLAlchemy knows neither.
            named = self._named(error.orig, error.statement is None and not error.connection_invalidated)
            if named is None:
                raise
            raise named from None
        except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
            named = self._named(error, connecting)
            if named is None:
                raise
            raise named from None

    def _named(self, error: BaseException | None, connecting: bool) -> AclueError | None:
        """The named error for a connection that failed or was cut; None for a failure of a statement."""
        text = str(error)
        if re.search("bad value for|invalid (connection option|sslmode|integer value)", text):
            why = text.splitlines()[0].removeprefix("connection is bad: ").strip()
            return SettingsError(f"the database URL has an option that cannot be ({why})")
        if not isinstance(error, psycopg.OperationalError):
            return None  # a statement's own failure, whatever words are in it
        # To a new connection a server gives its reason without the state.
        if isinstance(error, psycopg.errors.DiskFull) or (connecting and "No space left on device" in text):
            return FileUnusable(
                f"the server of {self.label} has no room left on its disk; make some, then run it again"
            )
        if _is_cut(error) and not connecting:
            return Unreachable(
                f"{self.label} closed the connection; what was not committed is rolled back, so run it again"
            )
        return self._insecure(text) or self._refused(text) or self._silent(text) if connecting else None

    def _insecure(self, text: str) -> AclueError | None:
        if "does not support SSL" in text:
            return InsecureConnection(
                f"{self.host} speaks no TLS, which sslmode= in the URL asks for; switch it on there"
            )
        if "no encryption" in text:
            return InsecureConnection(f"{self.host} takes connections by TLS alone: add sslmode=require to the URL")
        why = next((line for line in text.splitlines() if re.search(_TLS, line)), None)
        if why is None:
            return None
        said = why.rsplit("failed: ", 1)[-1].strip()
        return InsecureConnection(f"{self.host}: TLS failed ({said}); see sslmode= and sslrootcert= in the URL")

    def _refused(self, text: str) -> AclueError | None:
        if "no password supplied" in text:
            return WrongPassword(
                f"{self.label} asks for a password, and the URL has none; it stands behind the user, USER:PASSWORD@"
            )
        if (
            "password authentication failed" in text
            or "no pg_hba.conf entry" in text
            or ("role" in text and "does not exist" in text)
        ):
            return WrongPassword(
                f"{self.label} does not accept this user and password; check the URL in ACLUE_DATABASE_URL"
            )
        return None

    def _silent(self, text: str) -> Unreachable:
        if "database" in text and "does not exist" in text:
            missing = f"there is no database {self.name} on {self.host}; check the URL in ACLUE_DATABASE_URL"
            error = Unreachable(missing)
            error.transient = False
            return error
        if _SILENT.search(text):
            return Unreachable(
                f"no server answers at {self.host} (database {self.name}); is it running, and is the URL right?"
            )
        why = text.partition("\n")[0].rsplit("failed: ", 1)[-1].removeprefix("FATAL:").strip()
        if re.search("the database system is|closed the connection|terminating connection", text):
            return Unreachable(f"{self.label} stops, or is not up yet ({why}); run it again in a moment")
        return Unreachable(f"{self.label} takes no such connection ({why}); is the URL right?")


def _is_cut(error: psycopg.OperationalError) -> bool:
    """By the state that the server gave; where there is none, no server has answered. Its words are in its own language."""
    return error.sqlstate is None or error.sqlstate.startswith(_CUT)


def is_transient(error: BaseException) -> bool:
    """Whether an error passes by itself: no connection, a server that shuts down or starts, a deadlock."""
    if isinstance(error, AclueError):
        return error.transient
    of_driver = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if not isinstance(of_driver, psycopg.OperationalError):
        return False
    return _is_cut(of_driver) or of_driver.sqlstate in _TRY_AGAIN


def driver(connection: sa.Connection) -> Pg:
    """The driver's own connection, in the same transaction."""
    pg = connection.connection.driver_connection
    assert pg is not None
    return pg


def identifier(key: str) -> sql.Identifier:
    """`schema.name` as the server quotes it."""
    return sql.Identifier(*key.split("."))


def script(connection: sa.Connection, text: str) -> None:
    """Run SQL as it stands, one or many statements: `:x` and `%` in it are itself, never a parameter."""
    with driver(connection).cursor() as cursor:
        connection.exec_driver_sql("select 1")  # SQLAlchemy opens its transaction before the driver sees ours
        cursor.execute(text)


def query(connection: sa.Connection, text: str, **parameters: Any) -> list[dict[str, Any]]:
    """Rows of one statement with `:name` parameters; [] where it returns none."""
    result = connection.execute(sa.text(text), parameters)
    return [dict(row) for row in result.mappings()] if result.returns_rows else []
