"""Deploying: the changes are made, each by itself, by one deployer at a time. What one cannot be made for stops no other; then all
is looked at again, until nothing moves. A run that ends anywhere leaves exactly what the next run's plan no longer holds."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql

from aclue_pipeline.errors import (
    AclueError,
    DeploymentIncomplete,
    Impossible,
    NotAllowed,
    PlanOutdated,
    SettingsError,
)
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.schema import history
from aclue_pipeline.schema.census import Key
from aclue_pipeline.schema.change import OUTDATED, Change, How, Step
from aclue_pipeline.schema.look import look
from aclue_pipeline.schema.plan import Plan, allowed_by
from aclue_pipeline.schema.preflight import OLDEST, preflight
from aclue_pipeline.schema.session import session
from aclue_pipeline.schema.waiting import Patience, Unnoticed, pause

GIVE_UP = timedelta(minutes=10)
ROUNDS = 3
#: What says that somebody changed the thing meanwhile: it is looked at again.
_CHANGED = (
    errors.DuplicateTable,
    errors.DuplicateObject,
    errors.UndefinedTable,
    errors.UndefinedObject,
    errors.UndefinedColumn,
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one object. `state`: done, as before, impossible, waiting."""

    key: Key
    state: str
    says: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {self.state}{f', {self.says}' if self.says else ''}"


@dataclass(frozen=True)
class Deployment:
    """What a deployment did: its plan, the outcome of each object that was not as declared, the fingerprint afterwards."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...]
    fingerprint: str
    seconds: float

    @property
    def changed(self) -> bool:
        return any(one.state == "done" for one in self.outcomes)

    @property
    def sentence(self) -> str:
        count = len(self.having("done"))
        outcome = f"{count} change{'s' * (count != 1)} made" if count else "nothing to do"
        return f"{outcome}, fingerprint {self.fingerprint}, {self.seconds:.1f} s"

    def having(self, state: str) -> list[Outcome]:
        return [one for one in self.outcomes if one.state == state]


def plan(database: Database, *, allow: Iterable[str] = (), adopt: Iterable[str] = (), oldest: int = OLDEST) -> Plan:
    """What deploying would do. Reads only, and takes no turn: somebody may be deploying meanwhile."""
    with session(database, lock=False) as pg:
        preflight(pg, oldest, acts=False)
        return look(pg, _allowed(allow, adopt))


def deploy(
    database: Database,
    *,
    allow: Iterable[str] = (),
    adopt: Iterable[str] = (),
    plan: Path | None = None,
    give_up: timedelta = GIVE_UP,
    oldest: int = OLDEST,
    progress: Say = lambda line: None,
) -> Deployment:
    """Make the database what sql/schema declares, running only what is missing or different; nothing where nothing is.

    `allow`: hazards as a plan prints them; `adopt`: tables that are to be taken for ours; `plan`: a file of `aclue plan --out`, made
    exactly or not at all. Raises what preflight raises, AlreadyRunning beside another deployer, PlanOutdated; and, when all
    that can be done is done, DeploymentIncomplete for a lock that could not be had within `give_up`, Impossible where rows or the
    server forbid a change, NotAllowed for what needs a person's word.
    """
    clock = time.monotonic()
    if plan and (*allow, *adopt):
        raise SettingsError(
            "a plan file says itself what is allowed, nothing was changed: give --allow and --adopt to `aclue plan --out`"
        )
    allowed, stated = allowed_by(plan) if plan else (_allowed(allow, adopt), None)
    with session(database) as pg:
        notes = tuple(preflight(pg, oldest))
        todo = look(pg, allowed)
        if stated not in (None, todo.hash):
            raise PlanOutdated("what is deployed, or what is declared, has changed since the plan was made; plan again")
        outcomes: dict[Key, Outcome] = {}
        found = todo
        if todo.runs:
            number = history.began(pg, "deploy", todo.owner, todo.hash, todo.fingerprint, allowed)
            patience = Patience(give_up)
            for _ in range(ROUNDS):
                failed = {key for key, one in outcomes.items() if one.state in ("impossible", "waiting")}
                if stated:  # what was not reviewed is not made
                    failed |= {one.key for one in found.changes} - {one.key for one in todo.changes}
                made = _Round(pg, number, found, failed, patience, progress).run()
                outcomes |= made
                found = look(pg, allowed)
                if not any(one.state in ("done", "again") for one in made.values()):
                    break
            _settle(outcomes, found)
            history.ended(pg, number, found.fingerprint, {str(key): str(one) for key, one in outcomes.items()})
        else:
            _settle(outcomes, found)
    done = Deployment(todo, tuple(outcomes.values()), notes, found.fingerprint, time.monotonic() - clock)
    _raise(done, found)
    return done


def deployments(database: Database) -> list[dict[str, Any]]:
    """The history of deployments, the newest first."""
    with database.psycopg() as pg:
        return history.deployments(pg)


def _allowed(allow: Iterable[str], adopt: Iterable[str]) -> frozenset[str]:
    return frozenset(allow) | {f"adopts:{table}" for table in adopt}


def _settle(outcomes: dict[Key, Outcome], found: Plan) -> None:
    """What is still not as declared, and was not said to be impossible or waiting."""
    still = {change.key for change in found.changes}
    for key, one in outcomes.items():
        if one.state != "done" and key not in still:  # it went with something else
            outcomes[key] = Outcome(key, "done")
    for change in found.changes:
        before = outcomes.get(change.key)
        if before is not None and before.state in ("impossible", "waiting"):
            continue
        refused = found.refused(change)
        if change.mend.impossible:
            outcomes[change.key] = Outcome(change.key, "impossible", change.mend.impossible)
        elif refused:
            says = f"{change.why}; it needs {' '.join(found.words(change))}"
            outcomes[change.key] = Outcome(change.key, "as before", says)
        else:
            says = before.says if before and before.says else f"still {change.why}"
            outcomes[change.key] = Outcome(change.key, "as before", says)
    for change, reason in found.accepted:
        outcomes[change.key] = Outcome(change.key, "as before", f"{change.why}, accepted: {reason}")


def _raise(done: Deployment, found: Plan) -> None:
    """The worst trouble, naming the others: impossible, then not allowed, then waiting."""
    impossible, waiting = done.having("impossible"), done.having("waiting")
    refused = [change for change in found.left if found.refused(change)]
    known = {change.key for change, _ in found.accepted} | {
        one.key for one in found.changes if one.mend.free or one in refused
    }
    unsettled = [one for one in done.having("as before") if one.key not in known]
    kind: type[AclueError]
    parts = []
    if impossible:
        parts.append(f"impossible: {'; '.join(f'{one.key}: {one.says}' for one in impossible)}")
    if refused:
        asked = " ".join(one for change in refused for one in found.words(change))
        parts.append(
            f"not done, since it needs a person's word: {', '.join(str(one) for one in refused)}; if it is meant, say {asked}"
        )
    if waiting:
        keys = all(one.key.kind == "constraint" for one in waiting)
        said = ", ".join(str(one.key) for one in waiting)
        blocked = next((f"; {one.says}" for one in waiting if one.says), "")
        parts.append(
            f"{'deployed, keys pending' if keys and not parts else 'gave up waiting, still to be done'}: {said}{blocked}"
        )
    if unsettled and not parts:
        parts.append(
            f"{unsettled[0]}: either somebody changes it at the same time, or something that it needs is not there"
        )
    if not parts:
        return
    if impossible:
        kind, remedy = Impossible, "correct that, then deploy again"
    elif refused:
        kind, remedy = NotAllowed, "all else is deployed"
    else:
        kind, remedy = DeploymentIncomplete, "run `aclue deploy` again, which goes on from there"
    raise kind(f"{'; '.join(parts)}; {remedy}")


class _Round:
    """One pass over a plan: each change by itself, whichever is free first."""

    def __init__(self, pg: Pg, number: int, todo: Plan, failed: set[Key], patience: Patience, progress: Say) -> None:
        self._pg, self._number, self._patience, self._say = pg, number, patience, progress
        self._pending: dict[Key, Change] = {change.key: change for change in todo.runs if change.key not in failed}
        self._left = {key: list(change.mend.steps) for key, change in self._pending.items()}
        self._out: dict[Key, Outcome] = {}
        #: What is not made, and is not there: nothing that needs it can be.
        self._lacking = {change.key for change in todo.changes if change.key not in self._pending and _absent(change)}
        #: Columns that keep another type: what would be made on them now, would be in the way when they change.
        self._mistyped = {
            change.key for change in todo.changes if change.key not in self._pending and _mistyped(change)
        }
        self._unnoticed = Unnoticed(pg)

    def run(self) -> dict[Key, Outcome]:
        while self._pending:
            self._unnoticed.look(self._left[key][0] for key in self._pending)
            before = len(self._pending), sum(map(len, self._left.values()))
            waiting = False
            for key, change in list(self._pending.items()):
                if self._ready(change) and key in self._pending:
                    waiting |= not self._advance(key, change)
            moved = before != (len(self._pending), sum(map(len, self._left.values())))
            if self._pending and not moved and not (waiting and self._patience.left):
                for key, change in list(self._pending.items()):
                    blocker = self._unnoticed.blocker(self._left[key][0]) or self._unnoticed.last
                    self._end(change, "waiting" if waiting else "as before", str(blocker or ""))
            elif self._pending and not moved:
                pause()
        return self._out

    def _ready(self, change: Change) -> bool:
        """Whether all that it needs is there; what needs something that cannot be had is over."""
        needed = {
            *(change.wanted.needs if change.wanted else ()),
            *change.mend.after,
            Key("table", change.key.table, ""),
        }
        needed -= {change.key}
        if not self._left[change.key][0].waits:
            return True
        if (lacking := needed & self._lacking) and (closing := change.mend.closing):
            self._left[change.key] = [closing.but(waits=False)]
            return True
        away = self._lacking | (self._mistyped if change.key.kind in ("constraint", "index") else set())
        if lacking := needed & away:
            self._end(change, "as before", f"it waits for {min(lacking)}")
            return True
        return not needed & self._pending.keys()

    def _advance(self, key: Key, change: Change) -> bool:
        """Run its steps as far as they go; False if one waits for a lock."""
        while self._left[key]:
            step = self._left[key][0]
            try:
                if step.counts_first and (rows := _rows(self._pg, step.broken)):
                    raise _Broken(rows)
                if not self._attempt(step, change):
                    return False
            except _Broken as reason:
                self._fail(change, step, f"{reason} ({step.broken})")
                return True
            except psycopg.errors.Error as error:
                self._failed(change, step, error)
                return True
            self._left[key].pop(0)
        self._end(change, "done", "")
        return True

    def _attempt(self, step: Step, change: Change) -> bool:
        if step.how in (How.BUILD, How.VALIDATE, How.MAKE):
            return _plainly(self._pg, step, self._patience)
        if change.mend.undo and step.how == How.CLOSE:
            step = step.but(statements=(*step.statements, history.noted(self._number, change.mend.undo)))
        return self._unnoticed.attempt(step)

    def _failed(self, change: Change, step: Step, error: psycopg.Error) -> None:
        if self._pg.closed or self._pg.broken or isinstance(error, errors.DiskFull):
            raise error
        said = error.diag.message_primary or str(error).strip()
        if error.sqlstate == OUTDATED or isinstance(error, _CHANGED):
            self._end(change, "again", said)
        elif step.broken and isinstance(error, errors.IntegrityError):
            rows = _rows(self._pg, step.broken)
            self._fail(change, step, f"{'some' if rows is None else f'{rows:,}'} rows break it ({step.broken})")
        else:
            detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
            self._fail(change, step, f"{said}{detail}".replace("\n", " "))

    def _fail(self, change: Change, step: Step, says: str) -> None:
        if step.otherwise:
            locks = change.mend.steps[0].locks
            undo = Step(How.ALTER, step.otherwise, locks)
            while not self._unnoticed.attempt(undo) and self._patience.left:
                pause()
                self._unnoticed.look([undo])
        self._end(change, "as before" if change.mend.free else "impossible", says)

    def _end(self, change: Change, state: str, says: str) -> None:
        del self._pending[change.key]
        del self._left[change.key]
        self._out[change.key] = Outcome(change.key, state, says)
        if state == "done":
            self._say(f"{change} … done")
        else:
            self._say(str(self._out[change.key]))
            self._lacking |= {change.key} if _absent(change) else set()


def _absent(change: Change) -> bool:
    """Whether, as long as it is not made, what needs it cannot be: it is missing, or in the way."""
    return change.found is None or change.wanted is None


def _mistyped(change: Change) -> bool:
    wanted, found = change.wanted, change.found
    if change.key.kind != "column" or wanted is None or found is None:
        return False
    return wanted.facts["type"] != found.facts["type"]


class _Broken(Exception):
    """Rows that make a step impossible."""

    def __init__(self, rows: int) -> None:
        super().__init__(f"{rows:,} rows break it")


def _rows(pg: Pg, broken: str) -> int | None:
    """How many rows there are; None where this role may not count them."""
    try:
        row = pg.execute(sql.SQL("select count(*) from {}").format(sql.SQL(broken))).fetchone()
        return int(row[0]) if row else None
    except psycopg.errors.InsufficientPrivilege:
        return None


def _plainly(pg: Pg, step: Step, patience: Patience) -> bool:
    """What may wait in a queue, since nobody waits behind it. An index is built without a lock_timeout: one that struck would
    leave it invalid."""
    timeout = "statement_timeout" if step.how == How.BUILD else "lock_timeout"
    pg.execute(f"set {timeout} = {patience.milliseconds}".encode())
    try:
        for text in [step.script] if step.atomic else step.statements:
            pg.execute(text.encode())
        return True
    except (errors.LockNotAvailable, errors.QueryCanceled):
        return False
    finally:
        if not pg.closed:
            pg.rollback()
            pg.execute(f"set {timeout} = 0".encode())
