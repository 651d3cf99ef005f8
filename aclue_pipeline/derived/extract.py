"""A published table as a file for somebody else's tools: CSV for a spreadsheet, Parquet for a notebook. The server writes the rows in
COPY's form and nobody holds them, however many they are. Apart from the room's other modules, since DuckDB is heavy."""

import errno
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
from psycopg import sql

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.derived.statement import columns_of, is_there, listed, named_errors, one
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database, Pg

Days = tuple[date | None, date | None]

#: By the server's type Parquet's, or DuckDB's for it; any other is text. Of numeric see `_parquet_type`.
_TYPES = {
    "date": "DATE",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "double precision": "DOUBLE",
    "boolean": "BOOLEAN",
    "uuid": "UUID",
    "timestamp with time zone": "TIMESTAMPTZ",
    "double precision[]": "DOUBLE[]",
    "text[]": "VARCHAR[]",
}

#: Not published, but without a person in it, and what others compute with: vectors of products, weights of the taste model.
_MODEL = {"pipeline.taste_items", "pipeline.taste_models"}

#: Words of rounds of swiping are people's, of the living too.
_LEFT_OUT = {"vocabulary": "{0} - '{{occasion,recipient}}'::text[] as {0}"}

#: It fetches nothing, and has one thread, since each has buffers of its own.
_FRUGAL: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
    "memory_limit": "512MB",
}

#: Lists as DuckDB reads them from text; of words without control characters, which it would read otherwise.
_LISTS = {
    "double precision[]": "to_json({0}) as {0}",
    "text[]": "to_json(regexp_replace({0}::text, '[[:cntrl:]]', ' ', 'g')::text[]) as {0}",
}

#: What a spreadsheet takes for the beginning of a formula, in the wide forms that some fold, too.
_FORMULA = "^[=+\\-@\t\r\n＝＋－＠]"


def published(catalog: Catalog, name: str) -> Table:
    """The table of that name, if it is one that everybody may have, or of the taste model. Raises NothingFound."""
    table = catalog.table(name)
    if (table.schema != "analytics" and table.key not in _MODEL) or any(column.pii for column in table.columns):
        raise NothingFound(f"{table.key} is not published: tables of analytics are")
    return table


def to_csv(db: Database, table: Table, days: Days, write: Callable[[bytes], object]) -> int:
    """The rows by day and grain, with a header; how many. A text that a spreadsheet would run as a formula begins with an apostrophe."""
    with db.psycopg() as pg:
        columns = _columns(pg, table)
        texts = {name for name, kind in columns.items() if kind == "text"}
        guard = sql.SQL("case when {0} ~ {1} then '''' || {0} else {0} end as {0}")
        parts = [
            guard.format(sql.Identifier(name), sql.Literal(_FORMULA)) if name in texts else _shown(name)
            for name in columns
        ]
        return _copy(pg, _select(table, sql.SQL(", ").join(parts), days), write)


def to_parquet(db: Database, table: Table, days: Days, path: Path) -> int:
    """The same rows, each column in its type: numbers exact, in as many decimals as the longest has; times in UTC."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".aclue-") as folder:
        rows = Path(folder, "rows.csv")
        with db.psycopg() as pg, rows.open("wb") as file:
            pg.execute("set transaction isolation level repeatable read, read only")
            columns = _columns(pg, table)
            types = {name: _parquet_type(pg, table, name, kind, days) for name, kind in columns.items()}
            parts = sql.SQL(", ").join(
                sql.SQL(_LISTS[kind]).format(sql.Identifier(name)) if kind in _LISTS else _shown(name)
                for name, kind in columns.items()
            )
            count = _copy(pg, _select(table, parts, days), file.write)
        with _os_errors(), duckdb.connect(config=_FRUGAL) as duck:
            duck.execute("set enable_progress_bar = false")  # which it draws on stdout
            duck.read_csv(
                str(rows), header=True, columns=types, auto_detect=False, delimiter=",", quotechar='"', escapechar='"',
                na_values="", allow_quoted_nulls=False,
            ).write_parquet(str(path), compression="zstd")  # fmt: skip
    return count


@contextmanager
def _os_errors() -> Iterator[None]:
    """A full disk is one error, whoever meets it."""
    try:
        yield
    except duckdb.IOException as error:
        known = re.search(r'"errno":"(\d+)"', str(error))
        code, said = (
            (int(known[1]), os.strerror(int(known[1]))) if known else (errno.EIO, str(error).splitlines()[0][:200])
        )
        raise OSError(code, said) from error


def _columns(pg: Pg, table: Table) -> dict[str, str]:
    if not is_there(pg, table.key):
        raise NothingFound(f"{table.key} is not in this database yet: a rebuild of its room makes it")
    return columns_of(pg, table.key)


def _shown(name: str) -> sql.Composed:
    return sql.SQL(_LEFT_OUT.get(name, "{0}")).format(sql.Identifier(name))


def _parquet_type(pg: Pg, table: Table, name: str, kind: str, days: Days) -> str:
    if not kind.startswith("numeric"):
        return _TYPES.get(kind, "VARCHAR")
    longest = sql.SQL("coalesce(max(scale(trim_scale({}))), 0)").format(sql.Identifier(name))
    return f"DECIMAL(38, {one(pg, _select(table, longest, days, ordered=False).as_string(pg))})"


def _select(table: Table, what: sql.Composable, days: Days, *, ordered: bool = True) -> sql.Composed:
    first, last = days
    if (first or last) and not table.clock:
        raise NothingFound(f"{table.key} has no days to choose from: leave out --from and --to")
    clock = sql.Identifier(table.clock or "")
    where = [
        sql.SQL("{} {} {}").format(clock, sql.SQL(how), sql.Literal(day))
        for how, day in ((">=", first), ("<=", last))
        if day
    ]
    return sql.SQL("select {} from {}{}{}").format(
        what,
        sql.Identifier(table.schema, table.name),
        sql.SQL(" where ") + sql.SQL(" and ").join(where) if where else sql.SQL(""),
        sql.SQL(" order by ") + listed(table.grain) if ordered and table.grain else sql.SQL(""),
    )


def _copy(pg: Pg, select: sql.Composed, write: Callable[[bytes], object]) -> int:
    with named_errors(), pg.cursor() as cursor:
        with cursor.copy(sql.SQL("copy ({}) to stdout with (format csv, header)").format(select)) as copy:
            for block in copy:
                write(bytes(block))
        return cursor.rowcount
