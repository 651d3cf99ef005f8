"""Statements about one derived table, whose names the driver quotes: `{table}`, `{columns}`, `{grain}`, `{clock}`, … in a text."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from psycopg import sql

from aclue_pipeline.catalog import Table
from aclue_pipeline.catalog.table import ADDED

if TYPE_CHECKING:
    import psycopg

    Pg = psycopg.Connection[Any]


def execute(pg: "Pg", text: str, table: Table, **values: Any) -> "psycopg.Cursor[Any]":
    """Run a statement in which `{name}` is a part of the table or one of `values`: SQL as it is, anything else as a literal."""
    parts = {name: v if isinstance(v, sql.Composable) else sql.Literal(v) for name, v in values.items()}
    return pg.execute(sql.SQL(text).format(**parts_of(table), **parts))


def row(pg: "Pg", statement: str, values: Any = None) -> Any:
    return pg.execute(statement, values).fetchone()


def columns_of(pg: "Pg", key: str) -> dict[str, str]:
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
