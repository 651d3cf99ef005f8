"""Views and functions: replaced by what their files say, or, where columns, arguments or a type changed, dropped with our views on them
and made again."""

from psycopg import errors, sql

from aclue_pipeline.catalog import Catalog, Function, Table
from aclue_pipeline.derived.described import Change, describe, describe_function
from aclue_pipeline.derived.statement import is_there, one
from aclue_pipeline.errors import CannotEvolve
from aclue_pipeline.postgres import Pg, identifier

#: Roles of requests, who read a view where its file says so.
_CLIENTS = ("anon", "authenticated", "service_role")


def ensure_view(pg: Pg, catalog: Catalog, view: Table, dropped: list[Table]) -> list[Change]:
    """Replace the view; where its columns changed, drop it with our views on it and create it again."""
    existed = is_there(pg, view.key)
    try:
        with pg.transaction():
            _create_view(pg, view)
        return [Change(view.key, "replaced" if existed else "created")]
    except errors.InvalidTableDefinition:
        above = _drop_views_on(pg, catalog, [one(pg, "select %s::regclass::oid", [view.key])])
        dropped += [catalog.tables[key] for key in above if key in catalog.tables]
        _drop(pg, view.key, sql.SQL("drop view {}").format(identifier(view.key)))
        _create_view(pg, view)
        return [
            Change(view.key, "created again, since columns changed"),
            *(Change(key, f"dropped with {view.key}") for key in above),
        ]


def ensure_function(pg: Pg, catalog: Catalog, function: Function, dropped: list[Table]) -> list[Change]:
    """Replace the function; where its arguments or its type changed, drop it with our views on it and create it again."""
    there = (
        "select oid, oid::regprocedure::text from pg_proc where (pronamespace::regnamespace::text, proname) = (%s, %s)"
    )
    before = pg.execute(there, [function.schema, function.name]).fetchall()
    try:
        with pg.transaction():
            pg.execute(function.sql)
            after = pg.execute(there, [function.schema, function.name]).fetchall()
            if before and after != before:
                raise errors.InvalidFunctionDefinition
        _finish(pg, function)
        return [Change(function.key, "replaced" if before else "created")]
    except errors.InvalidFunctionDefinition:
        above = _drop_views_on(pg, catalog, [oid for oid, _ in before])
        dropped += [catalog.tables[key] for key in above if key in catalog.tables]
        for _, signature in before:
            _drop(pg, function.key, sql.SQL("drop routine ") + sql.SQL(signature))
        pg.execute(function.sql)
        _finish(pg, function)
        return [
            Change(function.key, "created again, since its arguments or type changed"),
            *(Change(key, f"dropped with {function.key}") for key in above),
        ]


def _finish(pg: Pg, function: Function) -> None:
    """Its comment; and what reads with its owner's rights, nobody calls who is not granted it: of `pipeline` the server. A scalar of
    `pipeline` gives nothing away; views are made of it that others read."""
    describe_function(pg, function)
    reads = """select prosecdef and (proretset or pronamespace <> 'pipeline'::regnamespace)
        from pg_proc where (pronamespace::regnamespace::text, proname) = (%s, %s)"""
    if not one(pg, reads, [function.schema, function.name]):
        return
    pg.execute(sql.SQL("revoke execute on routine {} from public").format(identifier(function.key)))
    if function.schema == "pipeline" and one(pg, "select to_regrole('service_role') is not null"):
        pg.execute("grant usage on schema pipeline to service_role")
        pg.execute(sql.SQL("grant execute on routine {} to service_role").format(identifier(function.key)))


def _drop_views_on(pg: Pg, catalog: Catalog, below: list[int]) -> list[str]:
    """Drop our views that stand on these, to be created again by what their files say now. As they are in the database: a view of
    an earlier release may stand on others than its file does, or have none any more, and then it is gone."""
    rows = pg.execute(
        """with recursive above (oid, depth) as (
               select unnest(%s::oid[]), 0
               union
               select r.ev_class, a.depth + 1 from above a
               join pg_depend d on d.refobjid = a.oid and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
               join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid and r.ev_class <> a.oid
           )
           select relnamespace::regnamespace || '.' || relname from above a join pg_class c using (oid)
           where depth > 0 group by relnamespace, relname order by max(depth) desc""",
        [below],
    ).fetchall()
    made = {key for (key,) in pg.execute("select table_name from pipeline.tables")}
    ours = [key for (key,) in rows if (catalog.tables[key].kind == "view" if key in catalog.tables else key in made)]
    for key in ours:
        _drop(pg, key, sql.SQL("drop view {}").format(identifier(key)))
    return ours


def _drop(pg: Pg, key: str, statement: sql.Composed) -> None:
    try:
        pg.execute(statement)
    except errors.DependentObjectsStillExist as error:
        others = error.diag.message_detail
        raise CannotEvolve(
            f"{key} must be created again, but others stand on it ({others}): drop those first"
        ) from None


def _create_view(pg: Pg, view: Table) -> None:
    pg.execute(sql.SQL("create or replace view {} as {}").format(identifier(view.key), sql.SQL(view.sql)))
    describe(pg, view)
    # Of those whom `aclue roles` and an operator granted it, nothing is taken away.
    for role in map(sql.Identifier, {*_CLIENTS} - {*view.readers}):
        if _is_role(pg, role):
            pg.execute(sql.SQL("revoke all on {} from {}").format(identifier(view.key), role))
    for role in map(sql.Identifier, view.readers):
        if _is_role(pg, role):
            pg.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(view.schema), role))
            pg.execute(sql.SQL("grant select on {} to {}").format(identifier(view.key), role))


def _is_role(pg: Pg, role: sql.Identifier) -> bool:
    return bool(one(pg, "select to_regrole(%s) is not null", [role.as_string(pg)]))


def lacks_readers(pg: Pg, view: Table) -> bool:
    """Whether a role that its file names may not read a view: it was made after the view."""
    return bool(view.readers) and bool(
        one(
            pg,
            "select exists (select from pg_roles where rolname = any(%s) and not has_table_privilege(oid, %s, 'select'))",
            [list(view.readers), view.key],
        )
    )
