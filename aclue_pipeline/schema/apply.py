"""Deploying: the plan is run, step by step, by one deployer at a time. Each step is a transaction of its own or a statement
that can be repeated, so a run that ends anywhere leaves exactly what the next run's plan no longer holds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import errors, sql

from aclue_pipeline.catalog.sqltext import without_comments
from aclue_pipeline.errors import DeploymentIncomplete, SchemaIncomplete, VerificationFailed
from aclue_pipeline.postgres import Database
from aclue_pipeline.schema.fingerprint import fingerprint
from aclue_pipeline.schema.objects import How, Statement
from aclue_pipeline.schema.objects.thing import EXCLUSIVE
from aclue_pipeline.schema.plan import Left, Plan, Step, plan_on
from aclue_pipeline.schema.preflight import OLDEST, preflight
from aclue_pipeline.schema.session import session
from aclue_pipeline.schema.waiting import GaveUp, Patience, run_unnoticed
from aclue_pipeline.settings import sql_folder

GIVE_UP = timedelta(minutes=10)


@dataclass(frozen=True)
class Deployment:
    """What a deployment did (or, dry, would do): the steps run, differences left as they are, notes of the preflight, the
    fingerprint afterwards, seconds taken."""

    steps: tuple[Step, ...]
    left: tuple[Left, ...]
    notes: tuple[str, ...]
    fingerprint: str
    seconds: float
    dry_run: bool = False

    @property
    def changed(self) -> bool:
        return bool(self.steps) and not self.dry_run


def deploy(
    database: Database,
    *,
    give_up: timedelta = GIVE_UP,
    dry_run: bool = False,
    oldest: int = OLDEST,
    progress: Callable[[str], None] = lambda line: None,
) -> Deployment:
    """Make the database what sql/schema declares, running only what is missing or different; nothing where nothing is.

    Raises what preflight raises, AlreadyRunning beside another deployer, DeploymentIncomplete when a lock could not be had within
    `give_up` (running again goes on from there), VerificationFailed where rows break a constraint (all else is deployed).
    """
    began = time.monotonic()
    with deployer(database, lock=not dry_run) as connection:
        notes = tuple(preflight(connection, oldest))
        todo = plan_on(connection)
        if not dry_run:
            _make_notes(pg(connection))
            _run(connection, todo, Patience(give_up), progress)
            if todo.steps:
                _settled(plan_on(connection))
        print_ = fingerprint(connection)
    return Deployment(todo.steps, todo.left, notes, print_, time.monotonic() - began, dry_run)


def _make_notes(session: psycopg.Connection[Any]) -> None:
    """Where deleting an account notes what is still to be cleared: there before the trigger that writes to it."""
    if session.execute("select to_regclass('pipeline.erasures') is null").fetchone() != (True,):
        return
    body = without_comments((sql_folder() / "pipeline" / "erasures.sql").read_text(encoding="utf-8"))
    session.execute(f"begin; create schema if not exists pipeline; {body}; commit".encode())


@contextmanager
def deployer(database: Database, lock: bool = True) -> Iterator[sa.Connection]:
    """SQLAlchemy's view of a session of this room."""
    with session(database, lock) as driver:
        engine = sa.create_engine("postgresql+psycopg://", creator=lambda: driver, poolclass=sa.pool.StaticPool)
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # the session closes it
        yield connection


def pg(connection: sa.Connection) -> psycopg.Connection[Any]:
    """The driver's own connection, for scripts that bring their own BEGIN and COMMIT."""
    driver = connection.connection.dbapi_connection  # a detached one has no other name
    assert driver is not None
    return driver  # type: ignore[return-value]


def _run(connection: sa.Connection, todo: Plan, patience: Patience, progress: Callable[[str], None]) -> None:
    session = pg(connection)

    def done(step: Step) -> None:
        progress(f"{step.title} … done")

    def of(how: How) -> list[Step]:
        return [step for step in todo.steps if step.how == how]

    try:
        for step in of(How.MAKE):
            _plainly(session, step, patience)
            done(step)
        run_unnoticed(session, of(How.ALTER), patience, done)
        for step in of(How.BUILD):
            _plainly(session, step, patience)
            done(step)
        run_unnoticed(session, of(How.KEY), patience, done)
        impossible = []
        for step in of(How.VALIDATE):
            broken = _broken(session, step, patience)
            if broken:
                impossible.append(broken)
            else:
                done(step)
    except GaveUp as reason:
        raise _pending(reason) from None
    if impossible:
        raise VerificationFailed(
            f"all else is deployed; impossible: {'; '.join(impossible)}; correct them, then deploy again"
        )


def _broken(session: psycopg.Connection[Any], step: Step, patience: Patience) -> str:
    """Validate a constraint. A CHECK that rows break is taken off again; then says so, with their number and the query."""
    (validate,) = step.statements
    try:
        _plainly(session, step, patience)
        return ""
    except errors.CheckViolation:
        undo = Statement(validate.key, "broken", validate.undo, How.ALTER, EXCLUSIVE)
        locks = ((f"public.{undo.key.table}", undo.lock),)
        run_unnoticed(session, [Step(f"undo {undo.key}", undo.how, (undo,), locks)], patience, lambda step: None)
        asked = sql.SQL("select count(*) from {}").format(sql.SQL(validate.broken))
        (count,) = session.execute(asked).fetchone() or (0,)
        return f"{validate.key}: {count:,} rows break it ({validate.broken})"


def _plainly(session: psycopg.Connection[Any], step: Step, patience: Patience) -> None:
    """What may wait in a queue, since nobody waits behind it. An index is built without a lock_timeout: one that struck would
    leave it invalid."""
    timeout = "statement_timeout" if step.how == How.BUILD else "lock_timeout"
    session.execute(f"set {timeout} = {patience.milliseconds}".encode())
    try:
        session.execute(step.script.encode())
    except (errors.LockNotAvailable, errors.QueryCanceled):
        session.rollback()
        raise GaveUp([step], None) from None
    except errors.ForeignKeyViolation as error:
        key = step.statements[0].key
        detail = error.diag.message_detail or error.diag.message_primary
        raise VerificationFailed(
            f"{key} holds for new rows, but rows already in {key.table} break it ({detail}); correct them, then deploy again"
        ) from None
    except BaseException:
        if not session.closed:
            session.rollback()
        raise
    session.execute(f"set {timeout} = 0".encode())


def _pending(reason: GaveUp) -> DeploymentIncomplete:
    keys = all(step.how in (How.KEY, How.VALIDATE) for step in reason.steps)
    said = f"deployed, keys pending: {reason}" if keys else f"gave up waiting, still to be done: {reason}"
    blocked = f"; {reason.blocker}" if reason.blocker else ""
    return DeploymentIncomplete(f"{said}{blocked}; run `aclue deploy` again, which goes on from there")


def _settled(remaining: Plan) -> None:
    """A statement that ran without the effect it was run for would be run for ever."""
    if remaining.statements:
        first = remaining.statements[0]
        raise SchemaIncomplete(
            f"{first.key} is still {first.why} after deploying: either somebody changes it at the same time (deploy again),"
            " or its file says it in another way than the server does (see aclue_pipeline/schema/normal.py)"
        )
