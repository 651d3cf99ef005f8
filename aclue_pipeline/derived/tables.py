"""Brings derived tables and views into the database, and brings them up to date with their files: the server names the types,
the grain becomes the primary key, descriptions become comments. Rows are days.py's work; the deployed five are the schema
room's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.catalog.read import sql_root, tables
from aclue_pipeline.catalog.table import BOOKKEEPING, ENSURED, Table
from aclue_pipeline.errors import CannotEvolve, MissingPrerequisite, MissingPrivilege, SchemaIncomplete, SqlFileError

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy as sa

    from aclue_pipeline.postgres import Database

    Pg = psycopg.Connection[Any]


_ADDED_TYPES = {"computed_at": "timestamp with time zone", "run_id": "text"}


@dataclass(frozen=True)
class Change:
    """What was done to one table: "created", "added column x", "replaced", …"""

    table: str
    did: str

    def __str__(self) -> str:
        return f"{self.table}: {self.did}"


def ensure_tables(db: "Database", room: str | None = None) -> list[Change]:
    """Bring every derived table (of one room, with what it is made of) up to date, in one transaction.

    Empty where there was nothing to do; then no DDL is executed. Raises CannotEvolve, SchemaIncomplete, MissingPrerequisite,
    MissingPrivilege.
    """
    wanted = [t for t in tables().values() if t.kind in ENSURED and (room is None or t.room == room)]
    with db.begin() as connection:
        return ensure(connection, *wanted)


def ensure(connection: "sa.Connection", *wanted: Table) -> list[Change]:
    """Bring these tables, and the derived ones they are made of, up to date; what was done. Nothing is dropped unasked."""
    from aclue_pipeline.postgres.locks import wait_for_lock

    closure = with_upstream(*wanted)
    pg = _driver(connection)
    if not _stale(pg, closure):
        return []
    with wait_for_lock(connection, "catalog"), named_errors():
        if not _exists(pg, "pipeline.days"):
            pg.execute((sql_root() / "catalog" / "bookkeeping.sql").read_bytes())
        changes: list[Change] = []
        for table in _stale(pg, closure):
            _check_upstream(pg, table)
            changes += _ensure_view(pg, table) if table.kind == "view" else _ensure_table(pg, table)
        return changes


def with_upstream(*wanted: Table) -> list[Table]:
    """These tables and every derived table that they are made of, sources first."""
    known = tables()
    needed = {t.key for t in wanted}
    for table in reversed(known.values()):
        if table.key in needed:
            needed.update(table.upstream)
    return [t for t in known.values() if t.key in needed and t.kind in ENSURED]


def bound(table: Table, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each parameter of the SELECT: the given one, else the setting of that name. Raises SqlFileError."""
    from aclue_pipeline.settings import get_settings

    values = {}
    for name in table.parameters:
        if name not in parameters and name not in type(get_settings()).model_fields:
            raise SqlFileError(f"{table.key} asks for :{name}, which is neither given nor a setting")
        values[name] = parameters[name] if name in parameters else getattr(get_settings(), name)
    return values


# --- what is there ----------------------------------------------------------------------------------------------------


def _driver(connection: "sa.Connection") -> "Pg":
    pg = connection.connection.driver_connection
    assert pg is not None
    return pg


def _exists(pg: "Pg", key: str) -> bool:
    return bool(_one(pg, "select to_regclass(%s) is not null", [key])[0])


def _one(pg: "Pg", statement: str, values: Any = None) -> Any:
    return pg.execute(statement, values).fetchone()


def _stale(pg: "Pg", wanted: list[Table]) -> list[Table]:
    """Those whose file the database does not have, or that somebody dropped."""
    if not _exists(pg, "pipeline.days"):
        return wanted
    rows = pg.execute(
        "select table_name, fingerprint from pipeline.tables where to_regclass(table_name) is not null"
    ).fetchall()
    there = dict(rows)
    return [table for table in wanted if there.get(table.key) != table.fingerprint]


def _check_upstream(pg: "Pg", table: Table) -> None:
    known = tables()
    for key in table.upstream:
        source = known.get(key)
        if (source is not None and source.kind in ENSURED) or _exists(pg, key):
            continue
        if source is not None and source.kind == "deployed":
            raise SchemaIncomplete(f"{table.key} reads {key}, which is not deployed: run `aclue deploy` first")
        raise MissingPrerequisite(f"{table.key} reads {key}, which this database does not have: it belongs to the app")


def _columns(pg: "Pg", key: str) -> dict[str, str]:
    """Name → type as the server spells it."""
    rows = pg.execute(
        """select attname, format_type(atttypid, atttypmod) from pg_attribute
           where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum""",
        [key],
    )
    return dict(rows.fetchall())


def _primary_key(pg: "Pg", key: str) -> tuple[str, ...]:
    rows = pg.execute(
        """select a.attname from pg_index i cross join lateral unnest(i.indkey) with ordinality as k(attnum, n)
           join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
           where i.indrelid = %s::regclass and i.indisprimary order by k.n""",
        [key],
    )
    return tuple(name for (name,) in rows.fetchall())


# --- views ------------------------------------------------------------------------------------------------------------


def _ensure_view(pg: "Pg", view: Table) -> list[Change]:
    """Replace the view; where its columns changed, drop it with our views on it and create all of them again."""
    from psycopg import errors

    existed = _exists(pg, view.key)
    try:
        with pg.transaction():
            _create_view(pg, view)
        return [Change(view.key, "replaced" if existed else "created")]
    except errors.InvalidTableDefinition:
        known = tables()
        family = [
            t
            for t in known.values()
            if t.kind == "view" and (t is view or view in with_upstream(t)) and _exists(pg, t.key)
        ]
        for table in reversed(family):
            _drop_view(pg, table)
        for table in family:
            _create_view(pg, table)
        return [
            Change(t.key, "created again, since columns changed" if t is view else f"created again with {view.key}")
            for t in family
        ]


def _drop_view(pg: "Pg", view: Table) -> None:
    from psycopg import errors, sql

    try:
        pg.execute(sql.SQL("drop view {}").format(_identifier(view.key)))
    except errors.DependentObjectsStillExist as error:
        others = error.diag.message_detail
        raise CannotEvolve(
            f"{view.key} must be created again, but others stand on it ({others}): drop those first"
        ) from None


def _create_view(pg: "Pg", view: Table) -> None:
    from psycopg import sql

    pg.execute(sql.SQL("create or replace view {} as {}").format(_identifier(view.key), sql.SQL(view.sql)))
    _describe(pg, view)


# --- tables -----------------------------------------------------------------------------------------------------------


def _ensure_table(pg: "Pg", table: Table) -> list[Change]:
    existed = _exists(pg, table.key)
    if not existed and table.kind == "python":
        pg.execute(table.sql)
        did = ["created"]
    else:
        shape = _shape(pg, table)
        did = _evolve(pg, table, shape) if existed else _create(pg, table, shape)
    _describe(pg, table)
    return [Change(table.key, what) for what in did or ["comments brought up to date"]]


def _shape(pg: "Pg", table: Table) -> dict[str, str]:
    """Name → type of each column the file asks for, as this server types them."""
    pg.execute("drop table if exists pg_temp.aclue_shape")
    if table.kind == "python":
        pg.execute(f"create temporary table aclue_shape ({_plain_columns(table)}) on commit drop")
    else:
        now = datetime.now(UTC)
        compute(pg, table, "aclue_shape", bound(table, {"range_start": now, "range_end": now}), data=False)
    shape = _columns(pg, "pg_temp.aclue_shape")
    pg.execute("drop table pg_temp.aclue_shape")
    return shape if table.kind == "python" else {**shape, **_ADDED_TYPES}


def _plain_columns(table: Table) -> str:
    """The columns of a CREATE TABLE with nothing but their types: a temporary copy may hold no foreign keys."""
    from sqlglot import exp

    from aclue_pipeline.catalog.statement import parsed

    parts = parsed(table.sql, table.path).find_all(exp.ColumnDef)
    return ", ".join(f"{part.this.sql('postgres')} {part.args['kind'].sql('postgres')}" for part in parts)


def compute(pg: "Pg", table: Table, into: str, values: Mapping[str, Any], *, data: bool = True) -> None:
    """Run the table's SELECT into a temporary table of this transaction (or only take its columns)."""
    from psycopg import ClientCursor, sql

    select = ClientCursor(pg).mogrify(sqltext.bindable(table.sql), values) if table.parameters else table.sql
    tail = sql.SQL("") if data else sql.SQL(" with no data")
    pg.execute(
        sql.SQL("create temporary table {} on commit drop as {}").format(sql.Identifier(into), sql.SQL(select)) + tail
    )


def _create(pg: "Pg", table: Table, shape: dict[str, str]) -> list[str]:
    from psycopg import sql

    parts = []
    for name, kind in shape.items():
        rest = " not null default now()" if name == "computed_at" else " not null" if name in table.grain else ""
        parts.append(sql.Identifier(name) + sql.SQL(f" {kind}{rest}"))
    parts.append(sql.SQL("primary key ({})").format(sql.SQL(", ").join(map(sql.Identifier, table.grain))))
    pg.execute(sql.SQL("create table {} ({})").format(_identifier(table.key), sql.SQL(", ").join(parts)))
    return ["created"]


def _evolve(pg: "Pg", table: Table, shape: dict[str, str]) -> list[str]:
    """Add what is new as NULL, widen what may be widened without loss, keep the rest."""
    from psycopg import sql

    have = _columns(pg, table.key)
    key = _primary_key(pg, table.key)
    if key != table.grain:
        was, wanted = ", ".join(key), ", ".join(table.grain)
        raise CannotEvolve(f"{table.key} has the grain ({was}), its file asks for ({wanted}): drop it, then rebuild it")
    did = []
    for name, kind in shape.items():
        target = (_identifier(table.key), sql.Identifier(name), sql.SQL(kind))
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
    if left:
        did.append(f"keeps {', '.join(left)}, which its file no longer has")
    return did + _outdated(pg, table)


def _outdated(pg: "Pg", table: Table) -> list[str]:
    if table.kind != "daily":
        return []
    statement = "select count(*), min(day), max(day) from pipeline.days where table_name = %s and code_version <> %s"
    count, first, last = _one(pg, statement, [table.key, table.code_version])
    return [f"{count} days from {first} to {last} were computed by an older version: rebuild them"] if count else []


def _lossless(pg: "Pg", have: str, want: str) -> bool:
    """Whether the server itself would cast without being asked: the same type with another width does not count."""
    statement = """select exists (select from pg_cast where castcontext = 'i'
                                  and castsource = %s::regtype and casttarget = %s::regtype)"""
    return "(" not in want and bool(_one(pg, statement, [have, want])[0])


# --- both -------------------------------------------------------------------------------------------------------------


def _describe(pg: "Pg", table: Table) -> None:
    """Comments on the table and its columns, and the version that is now in the database."""
    from psycopg import sql

    kind = sql.SQL("view" if table.kind == "view" else "table")
    pg.execute(sql.SQL("comment on {} {} is {}").format(kind, _identifier(table.key), sql.Literal(table.description)))
    for column in table.columns:
        said = column.description + (" Personal data." if column.pii else "")
        name = sql.Identifier(table.schema, table.name, column.name)
        pg.execute(sql.SQL("comment on column {} is {}").format(name, sql.Literal(said)))
    pg.execute(
        """insert into pipeline.tables (table_name, fingerprint, code_version) values (%s, %s, %s)
           on conflict (table_name) do update
           set (fingerprint, code_version, ensured_at) = (excluded.fingerprint, excluded.code_version, now())""",
        [table.key, table.fingerprint, table.code_version],
    )


def _identifier(key: str) -> Any:
    from psycopg import sql

    return sql.Identifier(*key.split("."))


@contextmanager
def named_errors() -> Iterator[None]:
    """A server's refusal as a named error: MissingPrivilege, or SchemaIncomplete where a table or column is not there."""
    from psycopg import errors

    try:
        yield
    except errors.InsufficientPrivilege as error:
        why = error.diag.message_primary
        raise MissingPrivilege(f"this role may not write derived tables ({why}): connect as their owner") from error
    except (errors.UndefinedColumn, errors.UndefinedTable) as error:
        why = error.diag.message_primary
        raise SchemaIncomplete(
            f"the database is not what sql/ expects ({why}): `aclue verify` says what is missing"
        ) from error
