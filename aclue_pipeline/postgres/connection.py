"""Connections: a URL becomes a `Database` whose sessions run in UTC, whose password is never shown, and whose failures are
the named errors. SQLAlchemy 2.1 over psycopg 3; Dagster's own storage (psycopg2) does not pass here."""

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aclue_pipeline.errors import AclueError, InsecureConnection, SettingsError, Unreachable, WrongPassword

if TYPE_CHECKING:
    import pandas as pd
    import psycopg
    import sqlalchemy as sa

CONNECT_TIMEOUT = 10  # seconds
_SECURE = {"require", "verify-ca", "verify-full"}


def parse_url(url: str, driver: str = "postgresql+psycopg") -> "sa.URL":
    """The URL with its driver named, since `postgres://` (as Supabase hands it out) means another one in each version.

    Raises SettingsError for what is no PostgreSQL URL, InsecureConnection for another host without TLS.
    """
    import sqlalchemy as sa

    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingsError(
            "the database URL cannot be read; it looks like postgresql://USER:PASSWORD@HOST:5432/NAME"
        ) from None
    if parsed.drivername.split("+")[0] not in ("postgres", "postgresql"):
        raise SettingsError(
            f"{parsed.drivername}:// is no PostgreSQL URL; it looks like postgresql://USER:PASSWORD@HOST:5432/NAME"
        )
    if "@" in (parsed.database or "") or "/" in (parsed.database or "") or not 0 < (parsed.port or 5432) < 65536:
        # A raw / in the password ends the host there: what follows is part of a secret, so nothing of it is repeated.
        raise SettingsError(
            "the database URL cannot be read: percent-encode / @ # ? and % in the password; a port is 1 to 65535"
        )
    parsed = parsed.set(drivername=driver)
    if not is_local(parsed) and parsed.query.get("sslmode") not in _SECURE:
        raise InsecureConnection(f"{parsed.host} is another host: add sslmode=require (or verify-full) to its URL")
    return parsed


def is_local(url: "sa.URL") -> bool:
    """Whether the server can only be on this machine: a socket, localhost, a loopback address."""
    hosts = [url.host] if url.host else []
    extra = url.query.get("host", ())
    hosts += [extra] if isinstance(extra, str) else list(extra)
    extra = url.query.get("hostaddr", ())
    hosts += [extra] if isinstance(extra, str) else list(extra)
    return all(_is_loopback(name) for host in hosts for name in host.split(","))


def _is_loopback(host: str) -> bool:
    host = re.sub(r":\d+$", "", host) if host.count(":") == 1 else host
    if host in ("", "localhost") or host.startswith("/"):
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
        return self._url.host or str(self._url.query.get("host", "local socket"))

    @property
    def is_local(self) -> bool:
        return is_local(self._url)

    @property
    def label(self) -> str:
        return f"{self.host}/{self.name}"

    @property
    def url(self) -> str:
        """With the password: for another process's environment, never for a log."""
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    @cached_property
    def engine(self) -> "sa.Engine":
        import sqlalchemy as sa

        engine = sa.create_engine(
            self._url,
            pool_pre_ping=True,
            pool_size=2,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT,
                "application_name": "aclue",
                "options": "-c timezone=UTC",
                # Supabase's transaction pooler hands a session's prepared statements to somebody else.
                "prepare_threshold": None,
            },
        )

        @sa.event.listens_for(engine, "connect")
        def _session_in_utc(connection: Any, _record: Any) -> None:
            # Poolers drop `options`; a day's bounds must not depend on them.
            if connection.info.parameter_status("TimeZone") != "UTC":
                connection.execute("set time zone 'UTC'")
                connection.commit()

        return engine

    @contextmanager
    def begin(self) -> Iterator["sa.Connection"]:
        """One transaction: committed at the end, rolled back on an error."""
        with self._named_errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def autocommit(self) -> Iterator["sa.Connection"]:
        """Each statement by itself, for what PostgreSQL refuses inside a transaction."""
        with self._named_errors(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def psycopg(self) -> Iterator["psycopg.Connection[Any]"]:
        """The driver's own connection in one transaction, for COPY and for composing identifiers."""
        with self._named_errors():
            pooled = self.engine.raw_connection()
            try:
                yield pooled.driver_connection  # type: ignore[misc]
                pooled.commit()
            except BaseException:
                pooled.rollback()
                raise
            finally:
                pooled.close()

    def close(self) -> None:
        if "engine" in self.__dict__:
            self.engine.dispose()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        import psycopg
        import sqlalchemy as sa

        try:
            yield
        except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
            named = self._named(error.orig)
            if named is None:
                raise
            raise named from None
        except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
            named = self._named(error)
            if named is None:
                raise
            raise named from None

    def _named(self, error: BaseException | None) -> AclueError | None:
        """The named error for a failure to connect; None for a failure of a statement."""
        import psycopg

        text = str(error)
        if "invalid connection option" in text or "invalid sslmode" in text:
            return SettingsError(f"the database URL has an option that does not exist ({text.splitlines()[0].strip()})")
        if not isinstance(error, psycopg.OperationalError):
            return None  # a statement's own failure, whatever words are in it
        if (
            "password authentication failed" in text
            or "no pg_hba.conf entry" in text
            or ("role" in text and "does not exist" in text)
        ):
            return WrongPassword(
                f"{self.label} does not accept this user and password; check the URL in ACLUE_DATABASE_URL"
            )
        if "database" in text and "does not exist" in text:
            return Unreachable(f"there is no database {self.name} on {self.host}; check the URL in ACLUE_DATABASE_URL")
        if (
            "connection failed" in text
            or "could not translate host" in text
            or "failed to resolve host" in text
            or "timeout expired" in text
        ):
            return Unreachable(
                f"no server answers at {self.host} (database {self.name}); is it running, and is the URL right?"
            )
        if (
            "server closed the connection" in text
            or "terminating connection" in text
            or "shutting down" in text
            or "starting up" in text
        ):
            return Unreachable(
                f"{self.label} closed the connection; what was under way is rolled back, so run it again"
            )
        return None


def script(connection: "sa.Connection", text: str) -> None:
    """Run SQL as it stands, one or many statements: `:x` and `%` in it are itself, never a parameter."""
    pg = connection.connection.driver_connection
    assert pg is not None
    with pg.cursor() as cursor:
        connection.exec_driver_sql("select 1")  # SQLAlchemy opens its transaction before the driver sees ours
        cursor.execute(text)


def query(connection: "sa.Connection", text: str, **parameters: Any) -> list[dict[str, Any]]:
    """Rows of one statement with `:name` parameters; [] where it returns none."""
    import sqlalchemy as sa

    result = connection.execute(sa.text(text), parameters)
    return [dict(row) for row in result.mappings()] if result.returns_rows else []


def frame(connection: "sa.Connection", text: str, **parameters: Any) -> "pd.DataFrame":
    """The rows as a frame; money stays Decimal (pandas' own reader makes floats of it)."""
    import pandas as pd
    import sqlalchemy as sa

    result = connection.execute(sa.text(text), parameters)
    return pd.DataFrame(result.fetchall(), columns=list(result.keys()))
