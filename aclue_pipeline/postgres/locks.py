"""Advisory locks: one worker at a time for one named piece of work, released with the session however it ends."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from aclue_pipeline.errors import AlreadyRunning
from aclue_pipeline.postgres.connection import Database, Pg, driver

_TRY = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
_HOLDER = """
select a.pid, to_char(coalesce(a.xact_start, a.backend_start), 'YYYY-MM-DD HH24:MI:SS TZ') as since,
    a.application_name
from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and l.database = (select oid from pg_database where datname = current_database())
    and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(%s, 0)
"""


@contextmanager
def advisory_lock(connection: sa.Connection, name: str) -> Iterator[None]:
    """Hold the lock `aclue:<name>` for the block, on a connection in autocommit that stays open. Raises AlreadyRunning."""
    pg = driver(connection)
    hold(pg, name)
    try:
        yield
    finally:
        if not pg.closed:
            pg.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [f"aclue:{name}"])


def hold(pg: Pg, name: str) -> None:
    """Take the lock `aclue:<name>` for as long as the session lasts.

    Raises AlreadyRunning at once, with the holder's pid and since when, where another session has it.
    """
    got = pg.execute(_TRY, [f"aclue:{name}"]).fetchone()
    if got != (True,):
        found = holder(pg, name)
        who = "pid {}, since {}".format(*found) if found else "another session"
        raise AlreadyRunning(f"{name} is being done by {who}; wait for it to end, then run this again")


def holder(pg: Pg, name: str) -> tuple[int, str, str | None] | None:
    """Who has the lock `aclue:<name>`: pid, since when, and what its session calls itself."""
    return pg.execute(_HOLDER, [f"aclue:{name}"]).fetchone()


def wait_for_lock(pg: Pg, name: str) -> None:
    """Take the lock `aclue:<name>` until the transaction ends, waiting for whoever has it now."""
    pg.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"aclue:{name}"])


@contextmanager
def snapshot(db: Database, *, alone: str, beside: Sequence[str] = ()) -> Iterator[Pg]:
    """One REPEATABLE READ transaction, begun once the locks `aclue:<beside>` are held, shared with others, and `aclue:<alone>`.

    Its snapshot then holds all that whoever had the locks before has committed; they go when the transaction has ended.
    """
    with db.autocommit() as connection:
        pg = driver(connection)
        try:
            shared = (
                "select pg_advisory_lock_shared(hashtextextended('aclue:' || name, 0)) from unnest(%s::text[]) as name"
            )
            pg.execute(shared, [list(beside)])
            pg.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [f"aclue:{alone}"])
            pg.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with pg.transaction():
                yield pg
        finally:
            if not pg.closed:
                pg.isolation_level = None
                pg.execute("select pg_advisory_unlock_all()")
