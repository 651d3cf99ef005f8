"""What stands retired in schemas aclue_retired_<n>, and what stands on a table, ours or somebody else's. Asks only the catalogues;
moving things is retire.py's work."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aclue_pipeline.catalog import Table, sqltext
from aclue_pipeline.catalog.read import DERIVED_ROOMS, read_table
from aclue_pipeline.derived.statement import is_there, one
from aclue_pipeline.derived.tables import SCHEMAS
from aclue_pipeline.postgres import Pg
from aclue_pipeline.settings import sql_folder

PREFIX = "aclue_retired_"


@dataclass(frozen=True)
class Relation:
    """A table or a partition of one. `name` is quoted and qualified; `grantees`, quoted, are all but the owner who hold any right."""

    oid: int
    schema: str
    name: str
    owner: str
    grantees: tuple[str, ...]


_FAMILIES = """
with recursive member (root, oid, depth) as (
    select relname::text, oid, 0 from pg_class
    where relnamespace = to_regnamespace(%(schema)s) and relkind in ('r', 'p') and not relispartition
        and (relname = any(%(tables)s) or %(tables)s::text[] is null)
    union all
    select m.root, i.inhrelid, m.depth + 1
    from member m join pg_inherits i on i.inhparent = m.oid join pg_class c on c.oid = i.inhrelid and c.relispartition
)
select m.root, c.oid, n.nspname, format('%%I.%%I', n.nspname, c.relname), quote_ident(pg_get_userbyid(c.relowner)), array(
    select distinct case held.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(held.grantee)) end
    from (
        select (aclexplode(c.relacl)).grantee
        union all
        select (aclexplode(a.attacl)).grantee from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
    ) held
    where held.grantee <> c.relowner order by 1
)
from member m join pg_class c using (oid) join pg_namespace n on n.oid = c.relnamespace
order by m.root, m.depth, c.relname
"""


def families(pg: Pg, schema: str, tables: Sequence[str] | None = None) -> dict[str, list[Relation]]:
    """Of each table of the schema, by its bare name: itself, then its partitions, wherever they are."""
    found: dict[str, list[Relation]] = {}
    asked = {"schema": schema, "tables": None if tables is None else list(tables)}
    for root, oid, home, name, owner, grantees in pg.execute(_FAMILIES, asked).fetchall():
        found.setdefault(root, []).append(Relation(oid, home, name, owner, tuple(grantees)))
    return found


def retired(pg: Pg) -> dict[int, str]:
    """The schemas of what was retired, by number, oldest first; each with its comment."""
    rows = pg.execute(
        """select substr(nspname, length(%s) + 1)::int, coalesce(obj_description(oid, 'pg_namespace'), '')
           from pg_namespace where nspname ~ ('^' || %s || '\\d+$') order by 1""",
        [PREFIX, PREFIX],
    ).fetchall()
    return dict(rows)


def last_number(pg: Pg) -> int:
    """Of the last rollback, whether what it retired is still there or not; 0 before the first."""
    counted = 0
    if is_there(pg, "pipeline.deployments"):
        counted = one(pg, "select count(*) from pipeline.deployments where action = 'rollback'")
    return max([counted, *retired(pg)])


# --- who stands on it -------------------------------------------------------------------------------------------------

#: Foreign keys of other tables to these.
_KEYS = """
select format('%%I.%%I', n.nspname, c.relname), quote_ident(k.conname),
    case n.nspname when 'public' then '' else n.nspname || '.' end || c.relname || '.' || k.conname
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and k.confrelid = any(%(oids)s) and not k.conrelid = any(%(oids)s) and k.conparentid = 0
order by 3
"""


def keys_to(pg: Pg, oids: Sequence[int]) -> list[tuple[str, str, str]]:
    """(table, key, how --allow names it) of each foreign key of another table to these."""
    return pg.execute(_KEYS, {"oids": list(oids)}).fetchall()


#: `reach`: the tables, and views through which whoever asks needs rights of his own on them.
_STOPPING = """
with recursive direct as (
    select d.refobjid, d.classid, d.objid, v.oid as view, v.relowner as owner, coalesce(
        (select option_value::boolean from pg_options_to_table(v.reloptions) where option_name = 'security_invoker'), false) as invoker
    from pg_depend d
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    left join pg_class v on v.oid = r.ev_class and v.oid <> d.refobjid
    where d.refclassid = 'pg_class'::regclass and d.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass)
), reach (oid) as (
    select unnest(%(oids)s::oid[])
    union
    select d.view from reach join direct d on d.refobjid = reach.oid and d.invoker
), holder (owner) as (select distinct relowner from pg_class where oid = any(%(oids)s))
select distinct said.type || ' ' || said.identity
from reach join direct d on d.refobjid = reach.oid
left join pg_policy p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
left join pg_proc f on d.classid = 'pg_proc'::regclass and f.oid = d.objid
cross join lateral (
    select case when d.view is null then d.classid else 'pg_class'::regclass end as class, coalesce(d.view, d.objid) as object
) as one
cross join lateral pg_identify_object(one.class, one.object, 0) as said
where (d.view is not null or p.oid is not null and not p.polrelid = any(%(oids)s) or f.oid is not null)
    and not coalesce(said.schema = any(%(ours)s), false)
    and (p.oid is not null or d.invoker or not coalesce(f.prosecdef, true) or exists (
        select from holder where not pg_has_role(coalesce(d.owner, f.proowner), holder.owner, 'USAGE')))
order by 1
"""


def stopping(pg: Pg, oids: Sequence[int]) -> list[str]:
    """What others made that asks these tables with rights other than their owner's: it will get an error for an answer."""
    return [named for (named,) in pg.execute(_STOPPING, {"oids": list(oids), "ours": list(SCHEMAS)}).fetchall()]


#: Views and functions of our schemas that read a relation, and views on these.
_OURS = """
with recursive reader (oid, depth) as (
    select unnest(%(oids)s::oid[]), 0
    union
    select r.ev_class, reader.depth + 1
    from reader
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = reader.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid and r.ev_class <> reader.oid
)
select relnamespace::regnamespace || '.' || relname, max(depth)
from reader join pg_class using (oid)
where depth > 0 and relkind = 'v' and relnamespace::regnamespace::text = any(%(ours)s)
group by relnamespace, relname order by 2 desc, 1
"""


def our_views(pg: Pg, oids: Iterable[int]) -> list[str]:
    """Our views that stand on these relations, directly or on one another: whichever would have to be dropped first, first."""
    return [key for key, _ in pg.execute(_OURS, {"oids": list(oids), "ours": list(SCHEMAS)}).fetchall()]


def rebinding(pg: Pg, table: str, coming: int = 0) -> tuple[str, ...]:
    """Statements for the transaction in which public.<table> changes hands (a deployment beside a retired table, a restore): views
    of ours that read another relation of that name, retired or to be, will read this one. A view whose columns cannot follow is
    dropped with ours on it, and the next job makes them again. `coming`: oid of the relation that gets the name."""
    others = pg.execute(
        """select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relname = %s and c.oid <> %s and (n.nspname = 'public' or starts_with(n.nspname, %s))""",
        [table, coming, PREFIX],
    ).fetchall()
    statements = []
    for key in our_views(pg, [oid for (oid,) in others]):
        view = _file(key)
        if view is not None and f"public.{table}" in view.upstream:
            oid = one(pg, "select %s::regclass::oid", [key])
            chain = ", ".join([*our_views(pg, [oid]), key])
            statements.append(
                f"do $aclue$ begin create or replace view {key} as {sqltext.without_comments(view.sql)};"
                f" exception when invalid_table_definition or undefined_column or undefined_table then drop view {chain}; end $aclue$"
            )
    return tuple(statements)


def _file(key: str) -> Table | None:
    """The view of that key, as its file has it now."""
    for room in DERIVED_ROOMS:
        path = sql_folder() / room / f"{key.rpartition('.')[2]}.sql"
        if path.exists() and (view := read_table(path, room)[0]).key == key:
            return view
    return None


_READING_RETIRED = """
select distinct said.type || ' ' || said.identity || ' reads ' || c.oid::regclass
from pg_class c
join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
    and d.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass, 'pg_constraint'::regclass)
left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
left join pg_policy p on d.classid = 'pg_policy'::regclass and p.oid = d.objid
left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
left join pg_proc f on d.classid = 'pg_proc'::regclass and f.oid = d.objid
join pg_namespace home on home.oid = coalesce(
    f.pronamespace, (select relnamespace from pg_class where oid = coalesce(r.ev_class, p.polrelid, k.conrelid)))
cross join lateral pg_identify_object(
    case when r.oid is null then d.classid else 'pg_class'::regclass end, coalesce(r.ev_class, d.objid), 0) as said
where c.relnamespace::regnamespace::text ~ ('^' || %(prefix)s || '\\d+$')
    and (home.nspname = any(%(ours)s) or home.nspname = 'public'
        and coalesce(p.polrelid, k.conrelid) in (select to_regclass('public.' || quote_ident(t)) from unnest(%(tables)s::text[]) t))
order by 1
"""


def reading_retired(pg: Pg, tables: Sequence[str]) -> list[str]:
    """What of ours still reads a retired table: our views and functions, policies and keys of the deployed tables."""
    asked = {"prefix": PREFIX, "ours": list(SCHEMAS), "tables": list(tables)}
    return [named for (named,) in pg.execute(_READING_RETIRED, asked).fetchall()]


#: All that rests on the relations, whatever class it belongs to, as PostgreSQL itself follows it, and whether dropping them takes it
#: along; without what is a part of something else in the list (a view's rule, a key's triggers, a child's columns) or of the tables.
_DEPENDENTS = """
with recursive root (classid, objid) as (select 'pg_class'::regclass::oid, unnest(%(oids)s::oid[])),
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
), along (classid, objid) as (
    select classid, objid from root
    union
    select d.classid, d.objid
    from along a join pg_depend d on d.refclassid = a.classid and d.refobjid = a.objid and d.deptype in ('a', 'i', 'P', 'S')
)
select distinct said.type || ' ' || said.identity, (m.classid, m.objid) in (select classid, objid from along)
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


def dependents(pg: Pg, oids: Iterable[int]) -> dict[str, bool]:
    """All that rests on these relations, by what PostgreSQL calls it: whether dropping them takes it along, or is refused for it."""
    return dict(pg.execute(_DEPENDENTS, {"oids": list(oids)}).fetchall())
