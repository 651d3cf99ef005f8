"""Statements as this room makes them: about one derived table, whose names the driver quotes (`{table}`, `{columns}`, `{grain}`,
`{clock}`, … in a text), or of a file, whose `:parameters` are bound. And what is asked of a database in more than one place."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import errors, sql

from aclue_pipeline.catalog import Table, sqltext
from aclue_pipeline.catalog.table import ADDED
from aclue_pipeline.errors import MissingPrivilege, SchemaIncomplete, SqlFileError
from aclue_pipeline.postgres import SIGNATURE, Pg
from aclue_pipeline.settings import Settings, get_settings


def execute(pg: Pg, text: str, table: Table, **values: Any) -> psycopg.Cursor[Any]:
    """Run a statement in which `{name}` is a part of the table or one of `values`: SQL as it is, anything else as a literal."""
    parts = {name: v if isinstance(v, sql.Composable) else sql.Literal(v) for name, v in values.items()}
    return pg.execute(sql.SQL(text).format(**parts_of(table), **parts))


def filled(pg: Pg, text: str, values: Mapping[str, Any]) -> sql.SQL:
    """The statements of a file with every `:name` bound: to the given value, else to the setting of that name; `:now` to the time
    at which the transaction began, where no other is given."""
    bound = {}
    for name in sqltext.parameters(text):
        if name in values:
            bound[name] = values[name]
        elif name == "now":
            bound[name] = one(pg, "select now()")
        elif name in Settings.model_fields:
            bound[name] = getattr(get_settings(), name)
        else:
            raise SqlFileError(f"the SELECT asks for :{name}, which is neither given nor a setting")
    signed = f"\n{SIGNATURE};\n".join(sqltext.statements(text))
    return sql.SQL(psycopg.ClientCursor(pg).mogrify(sqltext.bindable(signed), bound))


def compute(pg: Pg, table: Table, into: str, values: Mapping[str, Any], *, data: bool = True) -> None:
    """Run the table's SELECT into a temporary table of this transaction (or only take its columns)."""
    create = sql.SQL("create temporary table {} on commit drop as {}" + ("" if data else " with no data"))
    pg.execute(create.format(sql.Identifier(into), filled(pg, table.sql, values)))


def row(pg: Pg, statement: str | sql.SQL | sql.Composed, values: Any = None) -> Any:
    return pg.execute(statement, values).fetchone()


def one(pg: Pg, statement: str | sql.SQL | sql.Composed, values: Any = None) -> Any:
    """The first value of the first row."""
    return row(pg, statement, values)[0]


def is_there(pg: Pg, key: str) -> bool:
    """Whether the database has a table or view of that schema and name."""
    return bool(one(pg, "select to_regclass(%s) is not null", [key]))


def local_day(pg: Pg, at: datetime | None = None) -> date:
    """The day it is, or was at an instant, in the reporting zone, by the server's zone data: what analytics.local_day says, which a
    new database does not have yet."""
    day: date = one(pg, "select (coalesce(%s, now()) at time zone %s)::date", [at, get_settings().timezone])
    return day


def columns_of(pg: Pg, key: str) -> dict[str, str]:
    """Name → type as the server spells it."""
    rows = pg.execute(
        """select attname, format_type(atttypid, atttypmod) from pg_attribute
           where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum""",
        [key],
    )
    return dict(rows.fetchall())


def listed(names: Iterable[str], prefix: str = "") -> sql.Composable:
    before = sql.SQL(f"{prefix}." if prefix else "")
    return sql.SQL(", ").join(before + sql.Identifier(name) for name in names)


def parts_of(table: Table) -> dict[str, sql.Composable]:
    """`columns` are compared, `written` also holds the bookkeeping columns that the SELECT yields; `same_key`: t is the row of m;
    `cell`: the grain of a row r without its day."""
    # A NULL is part of a key only where there is no primary key; = is what an index can look up.
    equal = sql.SQL(" is not distinct from " if table.kind == "whole" else " = ")
    key = [sql.SQL("t.") + sql.Identifier(name) + equal + sql.SQL("m.") + sql.Identifier(name) for name in table.grain]
    cell = [sql.Literal(name) + sql.SQL(", r.") + sql.Identifier(name) for name in table.grain if name != table.clock]
    return {
        "table": sql.Identifier(table.schema, table.name),
        "history": sql.Identifier("history", table.name),
        "key": sql.Literal(table.key),
        "columns": listed(column.name for column in table.columns if not column.bookkeeping),
        "written": listed(column.name for column in table.columns if column.name not in ADDED),
        "grain": listed(table.grain),
        "clock": sql.Identifier(table.clock or table.grain[0]),
        "day": sql.SQL("r.") + sql.Identifier(table.clock) if table.clock else sql.SQL("null::date"),
        "same_key": sql.SQL(" and ").join(key),
        "cell": sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(cell)),
    }


@contextmanager
def named_errors() -> Iterator[None]:
    """A server's refusal as a named error: MissingPrivilege, or SchemaIncomplete where a table or column is not there."""
    try:
        yield
    except errors.InsufficientPrivilege as error:
        raise MissingPrivilege.by_server(str(error.diag.message_primary)) from error
    except (errors.UndefinedColumn, errors.UndefinedTable) as error:
        why = error.diag.message_primary
        raise SchemaIncomplete(
            f"the database is not what sql/ expects ({why}): `aclue verify` says what is missing"
        ) from error
