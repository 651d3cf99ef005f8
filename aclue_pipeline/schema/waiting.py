"""Taking a lock that nobody notices: look who holds the table, try without queueing, sleep some milliseconds, look again, for as
long as it takes. An attempt that queues, however briefly, stops everybody behind it for as long as it queues."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg import errors

from aclue_pipeline.postgres import Pg
from aclue_pipeline.schema.change import Step

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
    and l.pid is distinct from pg_backend_pid() and l.relation in (select to_regclass(t) from unnest(%s::text[]) t)
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


class Unnoticed:
    """Runs a step only if its locks can be had at once. What was seen of others' locks is remembered for a sweep over many steps."""

    def __init__(self, pg: Pg) -> None:
        self._pg = pg
        self._met = _Met()
        self._lockable: dict[str, bool] = {}
        self._holders: list[tuple[str, Blocker]] = []

    def look(self, steps: Iterable[Step]) -> None:
        self._holders = self._met.looked(_holders(self._pg, {table for step in steps for table, _ in step.locks}))

    def blocker(self, step: Step) -> Blocker | None:
        """Who was in the way when we last looked."""
        return _blocker(step, self._holders)

    @property
    def last(self) -> Blocker | None:
        return self._met.last

    def attempt(self, step: Step) -> bool:
        """Whether the step is done. Sent as one text, so that no lock is held for the length of a network round trip."""
        if self.blocker(step):
            return False
        step = step.but(locks=tuple(lock for lock in step.locks if self._may_lock(lock[0])))
        try:
            self._pg.execute(step.script.encode())
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self._pg.execute("rollback")
            return False
        except BaseException:
            if not self._pg.closed:
                self._pg.rollback()
            raise
        return True

    def _may_lock(self, table: str) -> bool:
        """A table may be referenced by whom it may not be locked by: LOCK TABLE asks for a right to change rows (from 17 on
        MAINTAIN will do)."""
        if table not in self._lockable:
            rights = "UPDATE, DELETE, TRUNCATE" + (", MAINTAIN" if self._pg.info.server_version >= 170000 else "")
            found = self._pg.execute("select has_table_privilege(to_regclass(%s), %s)", [table, rights]).fetchone()
            if found is None or found[0] is None:
                return True  # not there (yet)
            self._lockable[table] = found[0]
        return self._lockable[table]


def pause() -> None:
    time.sleep(random.uniform(*PAUSE))


def run_unnoticed(pg: Pg, steps: Sequence[Step], patience: Patience, done: Callable[[Step], None]) -> None:
    """Run each step once its locks can be had at once; whichever is free goes first, so that one busy table holds up no other.

    Raises GaveUp when patience ends, after at least one attempt.
    """
    unnoticed, pending = Unnoticed(pg), list(steps)
    while pending:
        unnoticed.look(pending)
        for step in list(pending):
            if unnoticed.attempt(step):
                pending.remove(step)
                done(step)
        if pending and not patience.left:
            unnoticed.look(pending)
            raise GaveUp(pending, unnoticed.blocker(pending[0]) or unnoticed.last)
        if pending:
            pause()


def _holders(pg: Pg, tables: set[str]) -> list[tuple[str, str, int | None, Any]]:
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
