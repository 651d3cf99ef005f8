"""What is there, thing by thing, in the server's own words: of a database (`take`), or as declared (the module declared).
One module per kind of thing; each says in one query how its kind is found. A new kind is one module and its place in KINDS."""

from collections.abc import Sequence
from typing import Any, Protocol

import psycopg
from psycopg import errors, sql
from psycopg.rows import tuple_row

from aclue_pipeline.errors import AlreadyRunning
from aclue_pipeline.postgres import Pg
from aclue_pipeline.schema.census import (
    children,
    columns,
    comments,
    constraints,
    functions,
    grants,
    indexes,
    owners,
    parents,
    policies,
    publications,
    readers,
    roles,
    row_security,
    rules,
    storage,
    triggers,
)
from aclue_pipeline.schema.census import tables as tables_
from aclue_pipeline.schema.census.thing import Census, Fact, Key, Thing, as_json, fingerprint, of_json

__all__ = ["KINDS", "Census", "Fact", "Key", "Kind", "Thing", "as_json", "fingerprint", "of_json", "take"]


class Kind(Protocol):
    """NAME: as keys have it. FOUND: a query over `ours` (the rows of pg_class that are tables of ours), `functions` (those of
    pg_proc that are ours) and `exposed` (readers.py) that returns table, name, facts, notes; the thing's address in pg_depend
    (class, object, part), NULL where it has none; keys of what it needs beside what pg_depend holds."""

    NAME: str
    FOUND: str


#: In the order in which a table's things are listed.
KINDS: tuple[Kind, ...] = (
    functions,
    tables_,
    owners,
    storage,
    row_security,
    columns,
    constraints,
    indexes,
    policies,
    grants,
    triggers,
    comments,
    rules,
    parents,
    children,
    readers,
    roles,
    publications,
)

#: How long somebody who alters a table is waited for: definitions are read under the lock that every reader takes.
PATIENCE = "10s"

# The server's words depend on these; set for the census alone.
_PINS = """
set local search_path = '';
set local quote_all_identifiers = off;
set local datestyle = 'ISO, MDY';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
set local jit = off
"""

_OURS = sql.SQL("""
with recursive ours as materialized (
    select * from pg_class
    where relnamespace = to_regnamespace('public') and relkind in ('r', 'p') and relname = any(%(tables)s)
), functions as materialized (
    select p.oid, p.oid::regprocedure::text as signature, p.proowner, p.proacl
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    where p.prokind in ('f', 'p')
        and (n.nspname || '.' || p.proname = any(%(functions)s) or n.nspname = 'public' and starts_with(p.proname, 'aclue_'))
), """) + sql.SQL(readers.EXPOSED)
_ALL = _OURS + sql.SQL(" union all ").join(
    sql.SQL(
        "(select {}, home::text, name::text, facts, notes, class::oid, object, part, needs"
        " from ({}) as found (home, name, facts, notes, class, object, part, needs))"
    ).format(place, sql.SQL(kind.FOUND))
    for place, kind in enumerate(KINDS)
)

# What hangs on what, of the objects given. A default is an object of its own there, here its column's; an index that a
# constraint brought along is the constraint's.
_NEEDS = """
with hanging as (
    select classid, objid, objsubid, refclassid, refobjid, refobjsubid from pg_depend where objid = any(%(oids)s)
    union all
    select 'pg_class'::regclass, a.adrelid, a.adnum, d.refclassid, d.refobjid, d.refobjsubid
    from pg_attrdef a join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid where a.adrelid = any(%(oids)s)
)
select classid::oid, objid, objsubid,
    case when k.oid is null then refclassid else 'pg_constraint'::regclass end::oid, coalesce(k.oid, refobjid), refobjsubid
from hanging
left join pg_constraint k on refclassid = 'pg_class'::regclass and k.conindid = refobjid and k.contype in ('p', 'u', 'x')
"""


def take(pg: Pg, tables: Sequence[str], functions: Sequence[str], *, patience: str | None = None) -> Census:
    """The census of these tables of schema public, of functions of ours (by schema and name, whatever their arguments; those of
    release 0.1.0, public.aclue_*, besides), and of what beside them may show the tables' rows.

    Reads only, in the session's transaction or one of its own, and leaves the session's settings as they were. Raises AlreadyRunning
    where somebody who alters a table keeps others from looking at it.
    """
    of = {"tables": list(tables), "functions": list(functions)}
    try:
        with pg.transaction(force_rollback=True), pg.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(_PINS)
            cursor.execute("select set_config('lock_timeout', %s, true)", [patience or PATIENCE])
            rows = cursor.execute(_ALL, of).fetchall()
            oids = list({row[6] for row in rows if row[6] is not None})
            edges = cursor.execute(_NEEDS, {"oids": oids}).fetchall()
            filled = _filled(cursor, of)
    except errors.LockNotAvailable:
        raise AlreadyRunning(_locked(pg, tables)) from None
    at = {row[5:8]: _key(row) for row in rows if row[6] is not None}
    hangs: dict[Key, set[Key]] = {}
    for *hanging, ref_class, ref, part in edges:
        needed = at.get((ref_class, ref, part)) or at.get((ref_class, ref, 0))
        if tuple(hanging) in at and needed is not None:
            hangs.setdefault(at[tuple(hanging)], set()).add(needed)
    keys = {_key(row) for row in rows}
    things = {}
    for row in sorted(rows, key=lambda row: (row[1], row[0], row[2])):
        key = _key(row)
        needs = hangs.get(key, set()) | {Key(*need) for need in row[8]} | {Key(tables_.NAME, key.table, "")}
        notes = row[4] | ({"has_rows": filled.get(key.table)} if key.kind == tables_.NAME else {})
        things[key] = Thing(key, row[3], notes, tuple(sorted((needs & keys) - {key})))
    return Census(things)


def _key(row: tuple[Any, ...]) -> Key:
    return Key(KINDS[row[0]].NAME, row[1], row[2])


def _filled(cursor: psycopg.Cursor[Any], of: dict[str, list[str]]) -> dict[str, bool]:
    """Whether each table holds a row, of those whose every row this role may see."""
    readable = cursor.execute(
        _OURS
        + sql.SQL("select relname from ours where has_table_privilege(oid, 'SELECT') and not row_security_active(oid)"),
        of,
    ).fetchall()
    if not readable:
        return {}
    asked = sql.SQL(" union all ").join(
        sql.SQL("select {}, exists (select from public.{})").format(sql.Literal(name), sql.Identifier(name))
        for (name,) in readable
    )
    return dict(cursor.execute(asked).fetchall())


def _locked(pg: Pg, tables: Sequence[str]) -> str:
    found = pg.execute(
        """select c.relname, l.pid, a.xact_start from pg_locks l
           join pg_class c on c.oid = l.relation and c.relnamespace = to_regnamespace('public') and c.relname = any(%s)
           left join pg_stat_activity a on a.pid = l.pid
           where l.granted and l.mode = 'AccessExclusiveLock'
               and l.database = (select oid from pg_database where datname = current_database())
           limit 1""",
        [list(tables)],
    ).fetchone()
    if found is None:
        return "the tables were locked by somebody, and could not be looked at; run it again"
    table, pid, since = found
    return (
        f"{table} is locked by pid {pid}"
        + (f" since {since:%H:%M:%S}" if since else "")
        + ": run it again when that has ended"
    )
