"""What is to be done: a change of one thing, and the steps that make it. Data only."""

from dataclasses import dataclass, replace
from enum import IntEnum

from psycopg import sql

from aclue_pipeline.schema.census import Census, Key, Thing

EXCLUSIVE = "ACCESS EXCLUSIVE"
NO_WRITES = "SHARE ROW EXCLUSIVE"

#: Upper bound of what a statement may queue where NOWAIT is refused, or for a lock that it takes besides. Never grows: for
#: everybody behind it, a timeout *is* a wait.
QUEUE = "2ms"

#: Raised by a guard: what the step was planned for is no longer so.
OUTDATED = "AC002"


class How(IntEnum):
    """How a step is run, in the order in which changes begin."""

    CLOSE = 0  # a brief transaction that closes data: before all else
    MAKE = 1  # one transaction that makes what nobody can be using yet
    ALTER = 2  # one brief transaction, its lock taken without queueing
    BUILD = 3  # by itself, outside a transaction, beside readers and writers
    KEY = 4  # one foreign key in one brief transaction, its two locks taken without queueing
    VALIDATE = 5  # by itself, beside readers and writers
    LAST = 6  # a brief transaction for what others may still stand on until then


@dataclass(frozen=True)
class Step:
    """Statements that are run together.

    `locks`: (relation, mode), all taken at once without queueing before the first statement; `guard`: a condition that must
    hold under them, else the change is planned again; `broken`: the query that lists the rows which make the step impossible,
    asked beforehand where `counts_first`; `otherwise`: statements that put back what was there, where it fails; `waits`: for what the
    thing needs."""

    how: How
    statements: tuple[str, ...]
    locks: tuple[tuple[str, str], ...] = ()
    guard: str = ""
    broken: str = ""
    counts_first: bool = False
    otherwise: tuple[str, ...] = ()
    title: str = ""
    waits: bool = True

    @property
    def atomic(self) -> bool:
        return self.how not in (How.BUILD, How.VALIDATE)

    @property
    def script(self) -> str:
        """The very text that is sent; PostgREST is told in the same transaction."""
        if not self.atomic:
            return ";\n".join(self.statements) + ";"
        queue = [] if self.how == How.MAKE else [f"set local lock_timeout = '{QUEUE}'"]
        locks = [f"lock table {table} in {mode.lower()} mode nowait" for table, mode in self.locks]
        guard = [_guarded(self.guard)] if self.guard else []
        parts = [*queue, *locks, *guard, *self.statements, "notify pgrst, 'reload schema'"]
        return ";\n".join(["begin", *parts, "commit"]) + ";"

    def but(self, **changes: object) -> "Step":
        return replace(self, **changes)  # type: ignore[arg-type]


def _guarded(condition: str) -> str:
    raised = f"raise exception using errcode = '{OUTDATED}', message = 'no longer so: ' || {quoted(condition)}"
    return f"do $aclue$ begin if not ({condition}) then {raised}; end if; end $aclue$"


@dataclass(frozen=True)
class Mend:
    """How a difference is made good. `hazards`: what to know beforehand; `asks`: those of them that a person must allow;
    `impossible`: why nothing can be done, in place of steps; `undo`: what brings back what is closed; `after`: changes that must
    be done before; `free`: no failure of the deployment where it cannot be done; `closing`: closes at least what is open, where what
    the change needs cannot be had."""

    steps: tuple[Step, ...] = ()
    hazards: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    impossible: str = ""
    undo: str = ""
    after: tuple[Key, ...] = ()
    free: bool = False
    closing: Step | None = None


@dataclass(frozen=True)
class Case:
    """One thing that is not as declared: `wanted` None where nothing of the kind is declared, `found` None where it is
    missing; `old`: the thing of another name that is to be renamed. `rows`: its table holds rows, as far as is known."""

    key: Key
    wanted: Thing | None
    found: Thing | None
    declared: Census
    there: Census
    rows: bool
    old: Key | None = None

    @property
    def table(self) -> str:
        return ident("public", self.key.table)

    @property
    def why(self) -> str:
        if self.old:
            return f"called {self.old.name}"
        if self.found is None:
            return "missing"
        return "not declared" if self.wanted is None else "different"

    def fact(self, name: str) -> tuple[object, object]:
        """As wanted, as found; None where there is none."""
        return (self.wanted.facts.get(name) if self.wanted else None), (
            self.found.facts.get(name) if self.found else None
        )

    def differs(self, *names: str) -> bool:
        return any(wanted != found for wanted, found in map(self.fact, names))

    def alter(self, *statements: str, how: How = How.ALTER, lock: str = EXCLUSIVE, guard: str = "") -> Step:
        locks = ((self.table, lock),) if lock and self.key.table else ()
        return Step(how, statements, locks, guard)

    @property
    def empty(self) -> str:
        """The guard that its table still holds no row."""
        return f"not exists (select from {self.table})"


@dataclass(frozen=True)
class Change:
    """A difference with its mend."""

    key: Key
    why: str
    mend: Mend
    wanted: Thing | None = None
    found: Thing | None = None

    @property
    def how(self) -> How:
        return self.mend.steps[0].how if self.mend.steps else How.LAST

    @property
    def asked(self) -> tuple[str, ...]:
        """As `--allow` takes them."""
        return tuple(f"{hazard}:{self.key.label}" for hazard in self.mend.asks)

    @property
    def locks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(f"{mode} on {table}" for step in self.mend.steps for table, mode in step.locks))

    @property
    def differences(self) -> list[str]:
        """Fact by fact, as found → as wanted; [] of what is only on one side."""
        if not (self.wanted and self.found):
            return []
        wanted, found = self.wanted.facts, self.found.facts
        return [
            f"{name.replace('_', ' ')} {_brief(found.get(name))} → {_brief(wanted.get(name))}"
            for name in wanted
            if wanted[name] != found.get(name)
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.why}"


def _brief(fact: object) -> str:
    """A fact for people: one line, cut to what tells it apart."""
    said = ", ".join(map(str, fact)) or "none" if isinstance(fact, list) else "none" if fact is None else str(fact)
    said = " ".join(said.split())
    return said if len(said) <= 120 else f"{said[:119]}…"


def ident(*names: str) -> str:
    """An identifier, quoted by the driver."""
    return sql.Identifier(*names).as_string(None)


def quoted(text: str) -> str:
    return sql.Literal(text).as_string(None)
