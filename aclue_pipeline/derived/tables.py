"""Brings derived tables, views and functions into the database, and brings them up to date with their files: the server names the
types, the grain becomes the primary key, descriptions become comments. Rows are days.py's work; the deployed five are the schema
room's."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa
from psycopg import sql
from sqlglot import exp

from aclue_pipeline.catalog import BOOKKEEPING, Catalog, Described, Function, Table, sqltext
from aclue_pipeline.catalog.statement import parsed
from aclue_pipeline.catalog.table import CREATED, ENSURED, PUBLISHED
from aclue_pipeline.derived import history
from aclue_pipeline.derived.described import Change, describe
from aclue_pipeline.derived.statement import columns_of, compute, is_there, named_errors, one
from aclue_pipeline.derived.views import ensure_function, ensure_view, lacks_readers
from aclue_pipeline.errors import CannotEvolve, MissingPrerequisite, MissingPrivilege, SchemaIncomplete
from aclue_pipeline.postgres import Database, Pg, driver, identifier
from aclue_pipeline.postgres.locks import wait_for_lock
from aclue_pipeline.settings import get_settings

#: Schemas of derived tables. Nobody but the owner and service_role has a business in them, so nothing is granted but what the `readers`
#: of a view say.
SCHEMAS = {
    "staging": "What was really meant: the app's events cleaned, identified and judged.",
    "analytics": "Published tables: revenue, funnel, health, and what is published about preferences.",
    "pipeline": "Working state of the pipeline: model versions, fingerprints, what was computed when. Not for reports.",
    "history": "Rows of published tables that were replaced, each with what replaced it.",
}

#: Settings that functions and views must know, which take no parameters.
_KEPT_SETTINGS = ("timezone", "funnel_window_days", "first_day", "database_limit_gb")

_ADDED_TYPES = {"computed_at": "timestamp with time zone", "run_id": "text", "publication": "bigint"}


def ensure_tables(db: Database, catalog: Catalog, room: str | None = None) -> list[Change]:
    """Bring every derived table (of one room, with what it is made of) up to date, in one transaction.

    Empty where there was nothing to do; then no DDL is executed. Raises CannotEvolve, SchemaIncomplete, MissingPrerequisite,
    MissingPrivilege.
    """
    wanted: list[Described] = [
        t for t in catalog.tables.values() if t.kind in ENSURED and (room is None or t.room == room)
    ]
    with db.begin() as connection:
        return ensure(connection, catalog, *wanted, *(catalog.functions.values() if room is None else ()))


def ensure(connection: sa.Connection, catalog: Catalog, *wanted: Described) -> list[Change]:
    """Bring these, the derived tables and functions they stand on, and our bookkeeping up to date; what was done. Nothing is
    dropped unasked."""
    kept = (table for table in catalog.room("pipeline") if not table.readers)  # what others read stands on more
    closure = catalog.closure(*kept, *wanted)
    pg = driver(connection)
    refuse_blindness(pg, catalog)
    if not _stale(pg, closure):
        return _keep_settings(pg, catalog)
    wait_for_lock(pg, "catalog")
    with named_errors():
        _create_schemas(pg)
        todo, done = _stale(pg, closure), dict[str, Described]()
        changes: list[Change] = []
        while todo:
            one = todo.pop(0)
            done[one.key] = one
            dropped: list[Table] = []
            if isinstance(one, Function):
                changes += ensure_function(pg, catalog, one, dropped)
            else:
                _check_upstream(pg, catalog, one)
                changes += ensure_view(pg, catalog, one, dropped) if one.kind == "view" else _ensure_table(pg, one)
            if dropped:
                todo = [t for t in _stale(pg, catalog.closure(*todo, *dropped)) if t.key not in done]
        _remember(pg, done.values())
        return changes + _keep_settings(pg, catalog)


def _keep_settings(pg: Pg, catalog: Catalog) -> list[Change]:
    """pipeline.settings as this process has them."""
    if "pipeline.settings" not in catalog.tables:
        return []
    values = [str(getattr(get_settings(), name)) for name in _KEPT_SETTINGS]
    differ = pg.execute(
        """select w.* from unnest(%s::text[], %s::text[]) as w (name, value)
           left join pipeline.settings s on s.name = w.name where s.value is distinct from w.value""",
        [list(_KEPT_SETTINGS), values],
    ).fetchall()
    pg.cursor().executemany(
        "insert into pipeline.settings (name, value) values (%s, %s) on conflict (name) do update set value = excluded.value",
        differ,
    )
    return [Change("pipeline.settings", f"{name} is {value} now") for name, value in differ]


# --- what is there ----------------------------------------------------------------------------------------------------


def _stale(pg: Pg, wanted: list[Described]) -> list[Described]:
    """Those whose file the database does not have, that somebody dropped, or that read a table of another name than their file
    does: what a name stood for when a view was made may have been renamed or moved since."""
    if not is_there(pg, "pipeline.tables"):
        return wanted
    rows = pg.execute(
        """select table_name, fingerprint from pipeline.tables
           where to_regclass(table_name) is not null or to_regproc(table_name) is not null"""
    ).fetchall()
    there = dict(rows)
    reads = dict(pg.execute(_READS, [[one.key for one in wanted]]).fetchall())
    return [
        one
        for one in wanted
        if there.get(one.key) != one.fingerprint
        or set(reads.get(one.key, ())) - set(one.upstream)
        or (isinstance(one, Table) and lacks_readers(pg, one))
    ]


_READS = """
select v.key, array_agg(n.nspname || '.' || c.relname)
from (select key, to_regclass(key)::oid as oid from unnest(%s::text[]) as key) v
join pg_rewrite r on r.ev_class = v.oid
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
join pg_class c on c.oid = d.refobjid and c.oid <> v.oid and c.relnamespace <> 'pg_catalog'::regnamespace
join pg_namespace n on n.oid = c.relnamespace
group by v.key
"""


def _create_schemas(pg: Pg) -> None:
    there = {name for (name,) in pg.execute("select nspname from pg_namespace").fetchall()}
    for name, says in SCHEMAS.items():
        if name not in there:
            pg.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
            pg.execute(sql.SQL("comment on schema {} is {}").format(sql.Identifier(name), sql.Literal(says)))


def refuse_blindness(pg: Pg, catalog: Catalog) -> None:
    """Whom row level security binds without a policy that shows all rows, reads less than there is, and is not told."""
    read = [key for key, table in catalog.tables.items() if table.kind in ("app", "deployed")]
    hidden = [name for (name,) in pg.execute(_HIDDEN, [read]).fetchall()]
    if hidden:
        raise MissingPrivilege(
            f"row level security binds {pg.info.user} on {', '.join(hidden)}, where no policy shows it every row: it would read none, or"
            " few, in silence; work as a role with BYPASSRLS (`aclue roles` makes one)"
        )


# By the catalogues: to_regclass() fails where a schema may not be entered.
_HIDDEN = """
select n.nspname || '.' || c.relname
from unnest(%s::text[]) as key
join (pg_class c join pg_namespace n on n.oid = c.relnamespace) on n.nspname || '.' || c.relname = key
where row_security_active(c.oid) and not exists (
    select from pg_policy p, unnest(p.polroles) as role
    where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('r', '*') and pg_get_expr(p.polqual, p.polrelid) = 'true'
        and (role = 0 or pg_has_role(role, 'USAGE'))
)
order by 1
"""


def _check_upstream(pg: Pg, catalog: Catalog, table: Table) -> None:
    for key in table.upstream:
        source = catalog.tables.get(key)
        if (source is not None and source.kind in ENSURED) or is_there(pg, key):
            continue
        if source is not None and source.kind == "deployed":
            raise SchemaIncomplete(f"{table.key} reads {key}, which is not deployed: run `aclue deploy` first")
        raise MissingPrerequisite(f"{table.key} reads {key}, which this database does not have: it belongs to the app")


def _key(pg: Pg, key: str) -> tuple[str, ...]:
    """The columns that make a row unique: the primary key, else an index in which NULL is a value like any other."""
    rows = pg.execute(
        """select a.attname from pg_index i cross join lateral unnest(i.indkey) with ordinality as k(attnum, n)
           join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
           where i.indexrelid = (select indexrelid from pg_index where indrelid = %s::regclass and (indisprimary or indnullsnotdistinct)
                                 order by indisprimary desc limit 1) order by k.n""",
        [key],
    )
    return tuple(name for (name,) in rows.fetchall())


# --- tables -----------------------------------------------------------------------------------------------------------


def _ensure_table(pg: Pg, table: Table) -> list[Change]:
    existed = is_there(pg, table.key)
    if not existed and table.kind in CREATED:
        pg.execute(table.sql)
        did = ["created"]
    else:
        shape = _shape(pg, table)
        if existed and table.kind in CREATED and _is_anothers(pg, table.key) and shape == columns_of(pg, table.key):
            return [Change(table.key, "left to whoever deployed it")]
        did = _evolve(pg, table, shape) if existed else _create(pg, table, shape)
    describe(pg, table)
    if table.kind in PUBLISHED:
        history.ensure_history(pg, table)
        says = f"Rows of {table.key} that were published once and then replaced or deleted."
        describe(pg, replace(table, key=f"history.{table.name}", schema="history", description=says))
    return [Change(table.key, what) for what in did or ["comments brought up to date"]]


def _is_anothers(pg: Pg, key: str) -> bool:
    return bool(one(pg, "select not pg_has_role(relowner, 'USAGE') from pg_class where oid = %s::regclass", [key]))


def _shape(pg: Pg, table: Table) -> dict[str, str]:
    """Name → type of each column the file asks for, as this server types them."""
    pg.execute("drop table if exists pg_temp.aclue_shape")
    if table.kind in CREATED:
        pg.execute(f"create temporary table aclue_shape ({_plain_columns(table)}) on commit drop")
    else:
        now = datetime.now(UTC)
        compute(pg, table, "aclue_shape", {"range_start": now, "range_end": now}, data=False)
    shape = columns_of(pg, "pg_temp.aclue_shape")
    pg.execute("drop table pg_temp.aclue_shape")
    return shape if table.kind in CREATED else {**shape, **_ADDED_TYPES}


def _plain_columns(table: Table) -> str:
    """The columns of a CREATE TABLE with nothing but their types: a temporary copy may hold no foreign keys."""
    parts = parsed(sqltext.statements(table.sql)[0], table.path).find_all(exp.ColumnDef)  # its indexes come after
    return ", ".join(f"{part.this.sql('postgres')} {part.args['kind'].sql('postgres')}" for part in parts)


def _create(pg: Pg, table: Table, shape: dict[str, str]) -> list[str]:
    parts = []
    for name, kind in shape.items():
        in_key = name in table.grain and table.kind == "daily"
        rest = " not null default now()" if name == "computed_at" else " not null" if in_key else ""
        parts.append(sql.Identifier(name) + sql.SQL(f" {kind}{rest}"))
    # A total over all has NULL in the key of a table that is replaced whole.
    unique = "primary key" if table.kind == "daily" else "unique nulls not distinct"
    parts.append(sql.SQL(f"{unique} ({{}})").format(sql.SQL(", ").join(map(sql.Identifier, table.grain))))
    pg.execute(sql.SQL("create table {} ({})").format(identifier(table.key), sql.SQL(", ").join(parts)))
    # Where somebody dropped it, its days are gone with it.
    pg.execute("delete from pipeline.days where table_name = %s", [table.key])
    return ["created"]


def _evolve(pg: Pg, table: Table, shape: dict[str, str]) -> list[str]:
    """Add what is new as NULL, widen what may be widened without loss, keep the rest."""
    have = columns_of(pg, table.key)
    key = _key(pg, table.key)
    was, wanted = ", ".join(key), ", ".join(table.grain)
    # What was published before there were publications (0.1.0) has no place in a history of them: it stays whole, too.
    if table.kind in PUBLISHED and (key != table.grain or "publication" not in have):
        known = "select coalesce(max(code_version), 'unknown') from pipeline.tables where table_name = %s"
        version = one(pg, known, [table.key])
        kept = history.archive(pg, table, version)
        return [f"created with the grain ({wanted}); what had ({was}) stays in {kept}", *_create(pg, table, shape)[1:]]
    if key != table.grain:
        raise CannotEvolve(
            f"{table.key} has the grain ({was}), its file asks for ({wanted}): drop it, then make it again"
        )
    did = []
    for name, kind in shape.items():
        target = (identifier(table.key), sql.Identifier(name), sql.SQL(kind))
        if name not in have:
            pg.execute(sql.SQL("alter table {} add column {} {}").format(*target))
            did.append(f"added column {name}")
        elif have[name] != kind:
            if not _lossless(pg, have[name], kind):
                was = have[name]
                raise CannotEvolve(
                    f"{table.key}.{name} is {was}, its file makes it {kind}: drop it, then rebuild the table"
                )
            pg.execute(sql.SQL("alter table {} alter column {} type {}").format(*target))
            did.append(f"column {name} is {kind} now, was {have[name]}")
    left = [name for name in have if name not in shape and name not in BOOKKEEPING]
    for name in left:
        # What no longer fills it must not be stopped by it.
        drop = sql.SQL("alter table {} alter column {} drop not null")
        pg.execute(drop.format(identifier(table.key), sql.Identifier(name)))
    if left:
        did.append(f"keeps {', '.join(left)}, which its file no longer has")
    return did


def _lossless(pg: Pg, have: str, want: str) -> bool:
    """Whether the server itself would cast without being asked: the same type with another width does not count."""
    statement = """select exists (select from pg_cast where castcontext = 'i'
                                  and castsource = %s::regtype and casttarget = %s::regtype)"""
    return "(" not in want and bool(one(pg, statement, [have, want]))


def _remember(pg: Pg, described: Iterable[Described]) -> None:
    pg.cursor().executemany(
        """insert into pipeline.tables (table_name, fingerprint, code_version) values (%s, %s, %s)
           on conflict (table_name) do update
           set (fingerprint, code_version, ensured_at) = (excluded.fingerprint, excluded.code_version, now())""",
        [(one.key, one.fingerprint, one.code_version) for one in described],
    )
