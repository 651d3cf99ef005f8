"""Rolling back: the tables are dropped again. The foreign keys go first, each in a moment when nobody holds its two tables, since
dropping a table together with its keys would lock the app's tables against everybody."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from aclue_pipeline.errors import DependentsExist, KeysPending, NothingFound, RowsExist
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.schema import objects
from aclue_pipeline.schema.apply import GIVE_UP, deployer, pg
from aclue_pipeline.schema.objects import How, Key, Statement, constraints
from aclue_pipeline.schema.objects.thing import EXCLUSIVE, quoted
from aclue_pipeline.schema.plan import Step
from aclue_pipeline.schema.preflight import require_ownership
from aclue_pipeline.schema.scripts import scripts, table_names
from aclue_pipeline.schema.waiting import GaveUp, Patience, run_unnoticed

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Schemas whose views are made from the tables by ourselves, and can be made again.
DERIVED = ("staging", "analytics", "pipeline")
_ROWS_CAME = "AC001"

# A row may come between looking and dropping; under the lock it cannot.
_ONLY_IF_EMPTY = """do $$
begin
    if exists (select from public.{table}) then
        raise exception using errcode = '{code}', message = '{table}';
    end if;
end
$$"""


def rollback(
    database: Database,
    tables: Sequence[str] = (),
    *,
    discard_data: bool = False,
    give_up: timedelta = GIVE_UP,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[str, ...]:
    """Drop the named tables (all five where none is named) with what belongs to them; returns those that were there.

    Raises NothingFound for a name that is none of ours, RowsExist where a table holds rows and `discard_data` is not set,
    DependentsExist where somebody else's views read it, KeysPending where a lock could not be had, DeployerBusy.
    """
    from psycopg import DatabaseError

    wanted = _wanted(tables)
    patience = Patience(give_up)
    with deployer(database) as connection:
        there = objects.existing(connection, scripts())
        doomed = tuple(table for table in wanted if table in there)
        if not discard_data:
            _refuse_rows(connection, doomed)
        _refuse_dependents(connection, doomed)
        require_ownership(connection, doomed)

        def done(step: Step) -> None:
            progress(f"{step.title} … done")

        try:
            run_unnoticed(pg(connection), list(_key_steps(connection, doomed, discard_data)), patience, done)
            run_unnoticed(pg(connection), [_table_step(table, discard_data) for table in doomed], patience, done)
        except GaveUp as reason:
            raise KeysPending(
                f"gave up waiting, still to be dropped: {reason}{f'; {reason.blocker}' if reason.blocker else ''};"
                " run `aclue rollback` again, which goes on from there"
            ) from None
        except DatabaseError as error:
            if error.sqlstate != _ROWS_CAME:
                raise
            raise RowsExist(
                f"{error.diag.message_primary} was written to meanwhile and stays; keep a copy and say --discard-data,"
                " or run `aclue deploy`, which puts back what was already taken off"
            ) from None
        _drop_functions(connection, there - set(doomed))
    return doomed


def _wanted(tables: Sequence[str]) -> tuple[str, ...]:
    known = table_names()
    for table in tables:
        if table not in known:
            raise NothingFound(f"{table} is none of the deployed tables; they are {', '.join(known)}")
    return tuple(tables) or known


def _refuse_rows(connection: "sa.Connection", tables: Sequence[str]) -> None:
    full = [table for table in tables if objects.has_rows(connection, table)]
    if full:
        raise _rows_exist(full)


def _rows_exist(tables: Sequence[str]) -> RowsExist:
    return RowsExist(
        f"{', '.join(tables)} {'holds' if len(tables) == 1 else 'hold'} rows, nothing was dropped;"
        " keep a copy of them, then say --discard-data"
    )


def _refuse_dependents(connection: "sa.Connection", tables: Sequence[str]) -> None:
    """Views of the derived schemas go along (they are made again by the next job); anybody else's must not."""
    rows = query(
        connection,
        """select distinct v.oid::regclass::text as view, d.refobjid::regclass::text as table
           from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
           where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass
               and d.refobjid = any(select to_regclass('public.' || quote_ident(name)) from unnest(cast(:tables as text[])) as name)
               and v.relnamespace::regnamespace::text <> all(:derived)
           order by 1""",
        tables=list(tables),
        derived=list(DERIVED),
    )
    if rows:
        views = ", ".join(dict.fromkeys(row["view"] for row in rows))
        raise DependentsExist(f"{views} would be dropped along, which is not ours; drop or change it first")


def _key_steps(connection: "sa.Connection", tables: Sequence[str], discard_data: bool) -> Iterator[Step]:
    """Dropping a key takes both of its tables from everybody, for a moment."""
    for key, found in objects.observed(connection, scripts()).items():
        other = constraints.references(found.definition) if key.kind == constraints.KIND else ""
        if other and key.table in tables:
            drop = f"alter table public.{quoted(key.table)} drop constraint if exists {quoted(key.name)}"
            locks = ((f"public.{key.table}", EXCLUSIVE), (other, EXCLUSIVE))
            yield Step(f"drop key {key.name}", How.KEY, _guarded(key, drop, discard_data), locks)


def _table_step(table: str, discard_data: bool) -> Step:
    drop = f"drop table if exists public.{quoted(table)} cascade"
    guarded = _guarded(Key("table", table, table), drop, discard_data)
    return Step(f"drop table {table}", How.MEND, guarded, ((f"public.{table}", EXCLUSIVE),))


def _guarded(key: Key, drop: str, discard_data: bool) -> tuple[Statement, ...]:
    texts = [drop] if discard_data else [_ONLY_IF_EMPTY.format(table=key.table, code=_ROWS_CAME), drop]
    return tuple(Statement(key, "rolled back", text, How.MEND, EXCLUSIVE) for text in texts)


def _drop_functions(connection: "sa.Connection", kept: set[str]) -> None:
    """A table's own functions go with it, the shared ones with the last table."""
    for script in scripts():
        if script.table in kept or (not script.table and kept):
            continue
        for statement in script.having("function"):
            query(connection, f"drop function if exists {statement.name}")
