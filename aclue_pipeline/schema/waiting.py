"""Taking a lock that nobody notices: look who holds the table, try without queueing, sleep some milliseconds, look again, for as
long as it takes. An attempt that queues, however briefly, stops everybody behind it for as long as it queues."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import errors

from aclue_pipeline.schema.plan import Step

#: Pause between two looks, seconds: random, so that two who wait do not march in step.
PAUSE = (0.010, 0.040)

# What each mode cannot stand beside itself.
_EXCEPT_READERS = frozenset(
    f"{mode}Lock"
    for mode in ("RowExclusive", "ShareUpdateExclusive", "Share", "ShareRowExclusive", "Exclusive", "AccessExclusive")
)
CONFLICTS = {
    "SHARE ROW EXCLUSIVE": _EXCEPT_READERS,
    "ACCESS EXCLUSIVE": _EXCEPT_READERS | {"AccessShareLock", "RowShareLock"},
}

_HOLDERS = """
select format('%%I.%%I', n.nspname, c.relname) as relation, l.mode, l.pid, a.xact_start
from pg_locks l
join pg_class c on c.oid = l.relation
join pg_namespace n on n.oid = c.relnamespace
left join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.database = (select oid from pg_database where datname = current_database())
    and l.pid is distinct from pg_backend_pid() and l.relation = any(%s::regclass[])
order by a.xact_start nulls last
"""


class GaveUp(Exception):
    """Time is up; the steps that were not run, and who was in the way."""

    def __init__(self, steps: Sequence[Step], blocker: "Blocker | None") -> None:
        super().__init__(", ".join(step.title for step in steps))
        self.steps = tuple(steps)
        self.blocker = blocker


@dataclass(frozen=True)
class Blocker:
    """A session that holds (or waits for) a lock on what we need. `since`: the start of its transaction, or, where this role
    may not see that, when we first met it."""

    relation: str
    pid: int | None
    since: str

    def __str__(self) -> str:
        return f"blocked by {f'pid {self.pid}' if self.pid else 'a prepared transaction'}, which holds {self.relation} since {self.since}"


class Patience:
    """How long to go on, counted from its making."""

    def __init__(self, give_up: timedelta) -> None:
        self._end = time.monotonic() + give_up.total_seconds()

    @property
    def left(self) -> float:
        """Seconds, never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def milliseconds(self) -> int:
        """For a timeout of the server's; at least 1, since 0 means none."""
        return max(1, int(self.left * 1000))


def run_unnoticed(
    pg: psycopg.Connection[Any], steps: Sequence[Step], patience: Patience, done: Callable[[Step], None]
) -> None:
    """Run each step once its locks can be had at once; whichever is free goes first, so that one busy table holds up no other.

    Raises GaveUp when patience ends, after at least one attempt.
    """
    refused = _not_lockable(pg, {table for step in steps for table, _ in step.locks})
    pending, met = list(steps), _Met()
    while pending:
        holders = met.looked(_holders(pg, {table for step in pending for table, _ in step.locks}))
        for step in list(pending):
            if _blocker(step, holders) is None and _attempt(pg, step, refused):
                pending.remove(step)
                done(step)
        if pending and not patience.left:
            holders = met.looked(_holders(pg, {table for step in pending for table, _ in step.locks}))
            raise GaveUp(pending, _blocker(pending[0], holders) or met.last)
        if pending:
            time.sleep(random.uniform(*PAUSE))


def _attempt(pg: psycopg.Connection[Any], step: Step, refused: set[str]) -> bool:
    """Whether the step is done. Sent as one text, so that no lock is held for the length of a network round trip."""
    locks = tuple(lock for lock in step.locks if lock[0] not in refused)
    text = Step(step.title, step.how, step.statements, locks).script
    try:
        pg.execute(text.encode())
    except (errors.LockNotAvailable, errors.DeadlockDetected):
        pg.execute("rollback")
        return False
    except BaseException:
        if not pg.closed:
            pg.rollback()
        raise
    return True


def _not_lockable(pg: psycopg.Connection[Any], tables: set[str]) -> set[str]:
    """Tables that this role may reference but not LOCK: LOCK TABLE asks for a right to change rows (from 17 on MAINTAIN will do)."""
    rights = "UPDATE, DELETE, TRUNCATE" + (", MAINTAIN" if pg.info.server_version >= 170000 else "")
    rows = pg.execute(
        "select t from unnest(%s::text[]) as t where not has_table_privilege(t, %s)", [sorted(tables), rights]
    ).fetchall()
    return {table for (table,) in rows}


def _holders(pg: psycopg.Connection[Any], tables: set[str]) -> list[tuple[str, str, int | None, Any]]:
    return pg.execute(_HOLDERS, [sorted(tables)]).fetchall() if tables else []


class _Met:
    """Remembers when a holder was first seen, for where the start of its transaction may not be read."""

    def __init__(self) -> None:
        self._first: dict[int | None, str] = {}
        self.last: Blocker | None = None

    def looked(self, rows: list[tuple[str, str, int | None, Any]]) -> list[tuple[str, Blocker]]:
        """(mode, holder) of each lock."""
        found = []
        for relation, mode, pid, began in rows:
            seen = self._first.setdefault(pid, f"{time.strftime('%H:%M:%S', time.gmtime())} UTC or before")
            since = began.strftime("%Y-%m-%d %H:%M:%S %Z") if began is not None else seen
            found.append((mode, Blocker(relation, pid, since)))
        if found:
            self.last = found[0][1]
        return found


def _blocker(step: Step, holders: list[tuple[str, Blocker]]) -> Blocker | None:
    for table, mode in step.locks:
        for held, blocker in holders:
            if blocker.relation == table and held in CONFLICTS[mode]:
                return blocker
    return None
