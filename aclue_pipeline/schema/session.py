"""One pinned session for everything that looks at a deployment or changes it: a server of its own behind it, one that may be
written to, and settings under which every server says the same words. Found out before any SET: on a pooled server it would be
left behind for the app."""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

from aclue_pipeline.errors import AlreadyRunning, PooledConnection, ReadOnlyServer, Unreachable
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.postgres.locks import hold

DEPLOYING = "deploy"

#: How long a pooler may take to answer, seconds, before it is taken for one that has lent our server to somebody else.
_ANSWERS = 2.0
#: Rounds of the trial: a busy pooler may by chance hand the same server out again.
_ROUNDS = 3
#: Seconds until the server has noticed a killed deployer, even in the middle of building an index (see _PINS), and some.
_NOTICED = 2.5

#: What pg_dump pins, so that definitions read alike whatever the role's or the database's own settings are, and no timeout of theirs
#: ends a statement. `row_security = off`: a question about rows that are hidden is an error, not an answer.
_PINS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "search_path": "",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "extra_float_digits": "3",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",
    "row_security": "off",
    "client_connection_check_interval": "1s",
}


@contextmanager
def session(database: Database, lock: bool = True) -> Iterator[Pg]:
    """A connection in autocommit, closed afterwards, that holds the deployers' lock unless told not to. The lock and the work end
    together, so that nobody starts while a killed deployer's last statement still runs.

    Raises PooledConnection, ReadOnlyServer, AlreadyRunning; Unreachable where it ends before the block does.
    """
    with database.apart() as pg:
        try:
            _refuse_pooled(pg, database)
            _refuse_read_only(pg, database)
            with _pinned(pg):
                if lock:
                    _take_turn(pg)
                yield pg
        except Exception as error:
            if pg.broken:
                said = str(error).strip().partition("\n")[0]
                raise Unreachable(
                    f"{database.label} ended the connection ({said}); what was under way is rolled back or found by the next run:"
                    " run it again"
                ) from error
            raise


def _take_turn(pg: Pg) -> None:
    """The lock of a deployer who was killed goes when the server notices; a living one's is not waited for."""
    end = time.monotonic() + _NOTICED
    while True:
        try:
            return hold(pg, DEPLOYING)
        except AlreadyRunning:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextmanager
def _pinned(pg: Pg) -> Iterator[None]:
    """In one statement: a role's timeouts may be shorter than many take. Given back for a pooler in session mode, which may hand
    this server on as it is."""
    pins = _PINS | ({"transaction_timeout": "0"} if pg.info.server_version >= 170000 else {})
    settings = ", ".join("set_config(%s, %s, false)" for _ in pins)
    pg.execute(f"select {settings}".encode(), [part for pin in pins.items() for part in pin])
    try:
        yield
    finally:
        if not pg.closed:
            with suppress(psycopg.OperationalError):  # lost meanwhile: nothing to give back
                pg.rollback()
                pg.autocommit = True
                pg.execute("discard all")


def _refuse_read_only(pg: Pg, database: Database) -> None:
    row = pg.execute(
        "select pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only')::bool"
    ).fetchone()
    replica, read_only = row or (False, False)
    if replica:
        raise ReadOnlyServer(f"{database.label} is a replica, where nothing can be changed; name its primary instead")
    if read_only:
        raise ReadOnlyServer(
            f"{database.label} is read-only (default_transaction_read_only is on for the database or this role; Supabase does that"
            " when a project's disk is full); end that, then run it again"
        )


# --- poolers ----------------------------------------------------------------------------------------------------------


def _refuse_pooled(pg: Pg, database: Database) -> None:
    """Behind a pooler the protocol names another process than the server does. In session mode that is all the difference: the
    server is ours to the end. In transaction mode a second connection's open transaction gets it, and the first another or none."""
    mine = _server(pg)
    if mine == pg.info.backend_pid:
        return
    with database.apart() as second:
        for _ in range(_ROUNDS):
            others = _server(second, b"begin; ")
            if others is None:
                raise _pooled(
                    database, "gives out no second server within two seconds, so that its mode cannot be told"
                )
            if others == mine or _server(pg) != mine:
                raise _pooled(database, "hands this session's server to others between transactions")
            if _server(second, b"commit; ") is None or _server(pg) != mine:
                raise _pooled(database, "hands this session's server to others between transactions")


def _pooled(database: Database, why: str) -> PooledConnection:
    return PooledConnection(
        f"{database.label} is a connection pooler that {why}; nothing was sent that it could leave behind:"
        " use the direct connection, or the pooler's session mode (Supabase: port 5432)"
    )


def _server(pg: Pg, before: bytes = b"") -> int | None:
    """The process that serves this connection now; None where none has answered in time. Below the driver, which cannot stop
    waiting without a SET."""
    connection = pg.pgconn
    connection.send_query(before + b"select pg_catalog.pg_backend_pid()")
    end = time.monotonic() + _ANSWERS
    answer = None
    while True:
        while connection.is_busy():
            if not select.select([connection.socket], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            connection.consume_input()
        result = connection.get_result()
        if result is None:
            return answer
        if result.ntuples:
            answer = int(result.get_value(0, 0) or 0)
