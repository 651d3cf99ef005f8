"""What is still to be done: the declared objects laid beside the observed ones, and the statements that make the difference go
away, in the order and in the transactions in which they are run. Reads only; running them is apply.py's work."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby

import sqlalchemy as sa

from aclue_pipeline.postgres import Database, query
from aclue_pipeline.schema import objects
from aclue_pipeline.schema.objects import KINDS, Change, How, Key, LeftAlone, Statement, constraints
from aclue_pipeline.schema.objects.thing import EXCLUSIVE, NO_WRITES
from aclue_pipeline.schema.retired import rebinding
from aclue_pipeline.schema.scripts import Script, scripts

#: Upper bound of what a statement may queue where NOWAIT is refused, or for a lock that it takes besides. Never grows: for
#: everybody behind it, a timeout *is* a wait.
QUEUE = "2ms"


@dataclass(frozen=True)
class Left:
    """A difference that deploying does not repair, and why."""

    key: Key
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


@dataclass(frozen=True)
class Step:
    """Statements that are run together. `locks`: (table, mode), all taken at once without queueing before the first statement;
    () where none is needed. `atomic`: in one transaction."""

    title: str
    how: How
    statements: tuple[Statement, ...]
    locks: tuple[tuple[str, str], ...] = ()

    @property
    def atomic(self) -> bool:
        return self.how in (How.MAKE, How.ALTER, How.KEY)

    @property
    def script(self) -> str:
        """The very text that is sent; PostgREST is told in the same transaction."""
        parts = [statement.sql for statement in self.statements]
        if not self.atomic:
            return ";\n".join(parts) + ";"
        queue = [] if self.how == How.MAKE else [f"set local lock_timeout = '{QUEUE}'"]
        locks = [f"lock table {table} in {mode.lower()} mode nowait" for table, mode in self.locks]
        return ";\n".join(["begin", *queue, *locks, *parts, "notify pgrst, 'reload schema'", "commit"]) + ";"


@dataclass(frozen=True)
class Plan:
    """What a deployment would run, and what it would leave as it is. `missing` tables of `tables` are not there at all."""

    steps: tuple[Step, ...]
    left: tuple[Left, ...]
    tables: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(statement for step in self.steps for statement in step.statements)


def plan(database: Database) -> Plan:
    """The statements still needed on this database; none where all is as declared."""
    with database.begin() as connection:
        query(connection, "set local row_security = off")
        return plan_on(connection)


def plan_on(connection: sa.Connection) -> Plan:
    all_scripts = scripts()
    there = objects.existing(connection, all_scripts)
    missing = [script for script in all_scripts if script.table and script.table not in there]
    statements = [statement for script in missing for statement in _making(script)]
    statements += [one for script in missing for one in _following(connection, script.table)]
    repairs, left = _repairs(_changes(connection, all_scripts, {script.table for script in missing}))
    # A shared function is needed by the tables that are made with it.
    statements += [_with_making(one) if missing and not one.key.table else one for one in repairs]
    statements = _follow(statements)
    tables = tuple(script.table for script in all_scripts if script.table)
    return Plan(tuple(_steps(statements)), tuple(left), tables, tuple(script.table for script in missing))


def _following(connection: sa.Connection, table: str) -> Iterator[Statement]:
    """Where a retired table has had the name, our views on it come along."""
    driver = connection.connection.dbapi_connection  # a detached one has no other name
    assert driver is not None
    for text in rebinding(driver, table):  # type: ignore[arg-type]
        yield Statement(Key("view", table, table), "reads the retired one", text, How.MAKE)


def _making(script: Script) -> Iterator[Statement]:
    """All of a file whose table is not there: everything but the keys in one transaction, the keys one by one afterwards."""
    keys = {statement.name for statement in script.having("key")}
    declared = objects.declared([script])
    for written in script.statements:
        name = written.name.removeprefix("constraint ")
        if written.form == "key" or (written.form == "comment" and name in keys):
            continue
        yield Statement(Key(written.form, script.table, written.name), "missing", written.text, How.MAKE)
    for thing in declared.values():
        if thing.key.kind == constraints.KIND and thing.key.name in keys:
            yield from constraints.repair(Change(thing.key, thing, None, empty=True))
        if thing.key.kind == "comment" and thing.key.name.removeprefix("constraint ") in keys:
            yield from KINDS["comment"].repair(Change(thing.key, thing, None, empty=True))


def _changes(connection: sa.Connection, all_scripts: tuple[Script, ...], unmade: set[str]) -> Iterator[Change]:
    """Every object that is missing, different, not declared or not ready, except those of tables that are still to be made."""
    has_rows = cache(lambda table: bool(table) and objects.has_rows(connection, table))
    declared, observed = objects.declared(all_scripts), objects.observed(connection, all_scripts)
    for key in sorted(declared.keys() | observed.keys(), key=_repair_order):
        if key.table in unmade:
            continue
        wanted, found = declared.get(key), observed.get(key)
        normal = KINDS[key.kind].normal
        if wanted and found and normal(wanted.definition) == normal(found.definition) and found.ready:
            continue
        yield Change(key, wanted, found, empty=not has_rows(key.table))


def _repair_order(key: Key) -> tuple[int, Key]:
    return list(KINDS).index(key.kind), key


def _repairs(changes: Iterator[Change]) -> tuple[list[Statement], list[Left]]:
    """The statements that repair, and what is left alone. What hangs on a column that is left out is left with it."""
    statements: list[Statement] = []
    left: list[Left] = []
    absent: set[Key] = set()
    for change in changes:
        kind, table, name = change.key
        if kind == "comment" and Key("column", table, name.removeprefix("column ")) in absent:
            continue
        try:
            gone = [key.name for key in absent if key.kind == "column" and key.table == table]
            if gone and kind == "grants":
                raise LeftAlone("they name a column that is not there")
            if (
                change.declared
                and kind == "constraint"
                and set(gone) & set(re.findall(r"\w+", change.declared.definition))
            ):
                raise LeftAlone("it names a column that is not there")
            statements += list(KINDS[kind].repair(change))
        except LeftAlone as reason:
            left.append(Left(change.key, str(reason)))
            if change.observed is None:
                absent.add(change.key)
    return statements, left


def _with_making(statement: Statement) -> Statement:
    return Statement(statement.key, statement.why, statement.sql, How.MAKE)


def _follow(statements: list[Statement]) -> list[Statement]:
    """Comments go where the object they speak of is made, and are said again where it is made anew."""
    made = {(s.key.table, s.key.kind, s.key.name): s for s in statements if s.how != How.VALIDATE}
    declared = objects.declared(scripts())
    spoken = {s.key for s in statements if s.key.kind == "comment"} | {s.key for s in statements if s.how == How.MAKE}
    result = []
    for statement in statements:
        if statement.key.kind == "comment" and statement.how == How.ALTER:
            of = made.get((statement.key.table, *statement.key.name.split(" ", 1)))  # type: ignore[arg-type]
            if of is not None and of.how in (How.BUILD, How.KEY):
                statement = Statement(statement.key, statement.why, statement.sql, of.how, of.lock, of.references)
        result.append(statement)
    for (table, kind, name), maker in made.items():
        comment = declared.get(Key("comment", table, f"{kind} {name}"))
        if comment is not None and comment.key not in spoken and maker.why in ("different", "invalid"):
            result += [Statement(comment.key, "lost", text, maker.how, "", maker.references) for text in comment.sql]
    return result


def _steps(statements: list[Statement]) -> Iterator[Step]:
    by_how = sorted(
        statements, key=lambda one: (one.how, one.how == How.MAKE and bool(one.key.table))
    )  # shared functions first
    for how, found in groupby(by_how, key=lambda one: one.how):
        together = list(found)
        if how == How.MAKE:
            tables = [one.key.table for one in together if one.key.kind == "table"]
            yield Step(f"{len(tables)} tables: {', '.join(tables)}" if tables else "functions", how, tuple(together))
        elif how == How.ALTER:
            for table, repairs in groupby(
                sorted(together, key=lambda one: one.key.table), key=lambda one: one.key.table
            ):
                yield _altering(table, tuple(repairs))
        elif how == How.KEY:
            yield from _keys(together)
        else:
            for one in together:
                verb = "validate " if how == How.VALIDATE else "build " if one.sql.startswith("create") else ""
                yield Step(f"{verb}{one.key}", how, (one,))


def _altering(table: str, statements: tuple[Statement, ...]) -> Step:
    modes = {statement.lock for statement in statements}
    mode = next((mode for mode in (EXCLUSIVE, NO_WRITES) if mode in modes), "")
    title = f"alter {table or 'shared functions'}: " + ", ".join(dict.fromkeys(str(one.key) for one in statements))
    return Step(title, How.ALTER, statements, ((f"public.{table}", mode),) if mode else ())


def _keys(statements: list[Statement]) -> Iterator[Step]:
    """One step a key: its ALTER, then its comment. Two referenced tables are never locked together."""
    keys: dict[tuple[str, str], list[Statement]] = {}
    for one in statements:
        keys.setdefault((one.key.table, one.key.name.removeprefix("constraint ")), []).append(one)
    for (table, name), together in keys.items():
        alter = next(one for one in together if one.key.kind == constraints.KIND)
        locks = ((f"public.{table}", alter.lock), (alter.references, alter.lock))
        yield Step(f"key {name}", How.KEY, tuple(together), locks)
