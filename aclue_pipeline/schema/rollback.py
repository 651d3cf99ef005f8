"""Rolling back: the tables are dropped again. The foreign keys go first, each in a moment when nobody holds its two tables, since
dropping a table together with its keys would lock the app's tables against everybody."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import psycopg
import sqlalchemy as sa
from psycopg import DatabaseError

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.errors import DependentsExist, DeploymentIncomplete, NothingFound, RowsExist
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.schema import objects
from aclue_pipeline.schema.apply import GIVE_UP, deployer, pg
from aclue_pipeline.schema.objects import How, Key, Statement, constraints
from aclue_pipeline.schema.objects.thing import EXCLUSIVE, quoted
from aclue_pipeline.schema.plan import Step
from aclue_pipeline.schema.preflight import require_ownership
from aclue_pipeline.schema.scripts import scripts, table_names
from aclue_pipeline.schema.waiting import GaveUp, Patience, run_unnoticed

_ROWS_CAME = "AC001"
_STILL_NEEDED = "2BP01"  # dependent_objects_still_exist

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
    catalog: Catalog,
    tables: Sequence[str] = (),
    *,
    discard_data: bool = False,
    give_up: timedelta = GIVE_UP,
    progress: Callable[[str], None] = lambda line: None,
) -> tuple[str, ...]:
    """Drop the named tables (all five where none is named) with what belongs to them; returns those that were there.

    Raises NothingFound for a name that is none of ours, RowsExist where a table holds rows and `discard_data` is not set,
    DependentsExist where something of somebody else's would go along (all of it is named), MissingPrivilege where row level
    security hides rows from this role, DeploymentIncomplete where a lock could not be had, AlreadyRunning.
    """
    wanted = _wanted(tables)
    patience = Patience(give_up)
    with deployer(database) as connection:
        there = objects.existing(connection, scripts())
        doomed = tuple(table for table in wanted if table in there)
        if not discard_data:
            _refuse_rows(connection, doomed)
        functions = _functions(there - set(doomed))
        ours = {f"view {table.key}": table.key for table in catalog.tables.values() if table.kind == "view"}
        _refuse_dependents(connection, doomed, functions, ours)
        require_ownership(connection, doomed)

        def done(step: Step) -> None:
            progress(f"{step.title} … done")

        try:
            run_unnoticed(pg(connection), list(_key_steps(connection, doomed, discard_data)), patience, done)
            run_unnoticed(pg(connection), list(_table_steps(connection, doomed, ours, discard_data)), patience, done)
        except GaveUp as reason:
            raise DeploymentIncomplete(
                f"gave up waiting, still to be dropped: {reason}{f'; {reason.blocker}' if reason.blocker else ''};"
                " run `aclue rollback` again, which goes on from there"
            ) from None
        except DatabaseError as error:
            came = _came_meanwhile(error)
            if came is None:
                raise
            raise came from None
        for function in functions:
            query(connection, f"drop function if exists {function}")
    return doomed


def _came_meanwhile(error: psycopg.DatabaseError) -> RowsExist | DependentsExist | None:
    back = "or run `aclue deploy`, which puts back what was already taken off"
    if error.sqlstate == _ROWS_CAME:
        said = f"{error.diag.message_primary} was written to meanwhile and stays; keep a copy and say --discard-data, {back}"
        return RowsExist(said)
    if error.sqlstate == _STILL_NEEDED:
        return DependentsExist(f"{error.diag.message_detail} and came meanwhile; drop or change it first, {back}")
    return None


def _wanted(tables: Sequence[str]) -> tuple[str, ...]:
    known = table_names()
    for table in tables:
        if table not in known:
            raise NothingFound(f"{table} is none of the deployed tables; they are {', '.join(known)}")
    return tuple(tables) or known


def _refuse_rows(connection: sa.Connection, tables: Sequence[str]) -> None:
    full = [table for table in tables if objects.has_rows(connection, table)]
    if full:
        raise _rows_exist(full)


def _rows_exist(tables: Sequence[str]) -> RowsExist:
    return RowsExist(
        f"{', '.join(tables)} {'holds' if len(tables) == 1 else 'hold'} rows, nothing was dropped;"
        " keep a copy of them, then say --discard-data"
    )


#: All that would go with the tables and functions or keep them from going, whatever class it belongs to, as PostgreSQL itself
#: follows it; without what is a part of something else in the list (a view's rule, a key's triggers, a child's columns) and the
#: tables' own NOT NULL and defaults.
_DEPENDENTS = """
with recursive root (classid, objid) as (
    select 'pg_class'::regclass::oid, oid from pg_class where relnamespace = 'public'::regnamespace and relname = any(:tables)
    union all
    select 'pg_proc'::regclass::oid, oid from pg_proc where 'public.' || proname = any(:functions)
),
member (classid, objid, objsubid) as (
    select classid, objid, 0 from root
    union
    select further.*
    from member m cross join lateral (
        select d.classid, d.objid, d.objsubid from pg_depend d
        where d.refclassid = m.classid and d.refobjid = m.objid and (m.objsubid = 0 or m.objsubid = d.refobjsubid)
        union all
        select d.refclassid, d.refobjid, d.refobjsubid from pg_depend d
        where d.classid = m.classid and d.objid = m.objid and d.deptype = 'i'
    ) further
)
select distinct said.type || ' ' || said.identity as named
from member m cross join lateral pg_identify_object(m.classid, m.objid, m.objsubid) said
where (m.classid, m.objid) not in (select classid, objid from root) and said.schema is distinct from 'pg_toast'
    and not exists (
        select from pg_depend d join member whole on whole.classid = d.refclassid and whole.objid = d.refobjid
        where d.classid = m.classid and d.objid = m.objid and (d.deptype = 'i' or (
            d.deptype = 'a' and (whole.classid, whole.objid) not in (select classid, objid from root)
            and whole.objid in (select oid from pg_class where relkind in ('r', 'p', 'm')))))
    and not (m.classid = 'pg_attrdef'::regclass
        and exists (select from pg_attrdef f join root on root.objid = f.adrelid where f.oid = m.objid))
    and not (m.classid = 'pg_constraint'::regclass
        and exists (select from pg_constraint k join root on root.objid = k.conrelid where k.oid = m.objid and k.contype = 'n'))
order by 1
"""


def _dependents(connection: sa.Connection, tables: Sequence[str], functions: Sequence[str] = ()) -> list[str]:
    rows = query(connection, _DEPENDENTS, tables=list(tables), functions=list(functions))
    return [row["named"] for row in rows]


def _refuse_dependents(
    connection: sa.Connection, tables: Sequence[str], functions: Sequence[str], views: Mapping[str, str]
) -> None:
    """Views of ours go along (the next job makes them again); anybody else's objects must not."""
    ours = set(views)
    for kind, table, name in objects.declared(scripts()):
        what = {"constraint": "table constraint"}.get(kind, kind)
        ours.add(f"{what} public.{name}" if kind == "index" else f"{what} {name} on public.{table}")
    others = [named for named in _dependents(connection, tables, functions) if named not in ours]
    if others:
        raise DependentsExist(
            f"nothing was dropped, since {', '.join(others)} {'is' if len(others) == 1 else 'are'} not ours and would go along;"
            " drop or change it first"
        )


def _key_steps(connection: sa.Connection, tables: Sequence[str], discard_data: bool) -> Iterator[Step]:
    """Dropping a key takes both of its tables from everybody, for a moment."""
    for key, found in objects.observed(connection, scripts()).items():
        other = constraints.references(found.definition) if key.kind == constraints.KIND else ""
        if other and key.table in tables:
            drop = f"alter table public.{quoted(key.table)} drop constraint if exists {quoted(key.name)}"
            locks = ((f"public.{key.table}", EXCLUSIVE), (other, EXCLUSIVE))
            yield Step(f"drop key {key.name}", How.KEY, _guarded(key, drop, discard_data), locks)


def _table_steps(
    connection: sa.Connection, tables: Sequence[str], ours: Mapping[str, str], discard_data: bool
) -> Iterator[Step]:
    """Each table with the views of ours on it. `ours`: names of our views by how PostgreSQL identifies them."""
    for table in tables:
        views = [ours[named] for named in _dependents(connection, [table]) if named in ours]
        drop = f"drop table if exists public.{quoted(table)} restrict"
        if views:
            drop = f"drop view if exists {', '.join(views)} restrict; {drop}"
        guarded = _guarded(Key("table", table, table), drop, discard_data)
        with_them = f", with {', '.join(views)}" if views else ""
        yield Step(f"drop table {table}{with_them}", How.ALTER, guarded, ((f"public.{table}", EXCLUSIVE),))


def _guarded(key: Key, drop: str, discard_data: bool) -> tuple[Statement, ...]:
    texts = [drop] if discard_data else [_ONLY_IF_EMPTY.format(table=key.table, code=_ROWS_CAME), drop]
    return tuple(Statement(key, "rolled back", text, How.ALTER, EXCLUSIVE) for text in texts)


def _functions(kept: set[str]) -> list[str]:
    """A table's own functions go with it, the shared ones with the last table."""
    gone = [script for script in scripts() if script.table not in kept and (script.table or not kept)]
    return [statement.name for script in gone for statement in script.having("function")]
