"""What every kind of object has in common: as declared in a file, as observed in the catalogues, and the statements between."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from psycopg import sql


class Key(NamedTuple):
    """Which object: its kind, the deployed table it belongs to ("" for shared functions), its name there."""

    kind: str
    table: str
    name: str

    def __str__(self) -> str:
        on = f" on {self.table}" if self.table and self.table not in self.name else ""
        return f"{self.kind} {self.name}{on}"


@dataclass(frozen=True)
class Declared:
    """An object as its file declares it: `definition` in the shape the observation has, `sql` makes or replaces it."""

    key: Key
    definition: str
    sql: tuple[str, ...]


@dataclass(frozen=True)
class Observed:
    """An object as the server describes it; `ready` is False for an invalid index or a constraint not yet validated."""

    key: Key
    definition: str
    ready: bool = True


class How(IntEnum):
    """How a statement is run, in the order in which statements are run."""

    MAKE = 0  # with everything else that makes new tables, in one transaction
    ALTER = 1  # in one brief transaction per table, its lock taken without queueing
    BUILD = 2  # by itself, outside a transaction, beside readers and writers
    KEY = 3  # one foreign key in one brief transaction, its two locks taken without queueing
    VALIDATE = 4  # by itself, beside readers and writers


@dataclass(frozen=True)
class Statement:
    """One statement to run. `why`: missing, different, not declared, invalid, not validated. `lock`: the mode that the
    table is locked in by it, "" where readers and writers are not disturbed; `references`: the other table, for a key; `broken`: for
    a CHECK to be validated, the FROM … WHERE of the rows that break it; `undo`: brings back what was there before it."""

    key: Key
    why: str
    sql: str
    how: How
    lock: str = ""
    references: str = ""
    broken: str = ""
    undo: str = ""


EXCLUSIVE = "ACCESS EXCLUSIVE"
NO_WRITES = "SHARE ROW EXCLUSIVE"


@dataclass(frozen=True)
class Change:
    """What an object is to become; `empty`: its table has no rows."""

    key: Key
    declared: Declared | None
    observed: Observed | None
    empty: bool

    @property
    def why(self) -> str:
        if self.observed is None:
            return "missing"
        if self.declared is None:
            return "not declared"
        return "different" if self.observed.ready else "invalid"

    def statements(self, *texts: str, how: How = How.ALTER, lock: str = EXCLUSIVE) -> Iterator[Statement]:
        for text in texts:
            yield Statement(self.key, self.why, text, how, lock)


class LeftAlone(Exception):
    """A difference that deploying does not repair, with the reason: data would be lost, or a table rewritten."""


def quoted(name: str) -> str:
    """An identifier that came from the database, quoted by the driver."""
    return sql.Identifier(name).as_string(None)
