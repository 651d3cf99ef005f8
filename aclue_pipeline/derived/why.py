"""Why a published day says what it says, from what the database remembers of it. How that is shown is the command line's work."""

from datetime import date
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.derived.history import restated
from aclue_pipeline.derived.needed import is_known, rebuild_range, today
from aclue_pipeline.derived.statement import is_there, listed, parts_of
from aclue_pipeline.errors import NoSuchDay, NothingFound
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.settings import get_settings

#: Which time of a click makes it a row of a day, by the reach that a table's header names.
_CLOCKS = {"click_day": "clicked_at", "sale_day": "converted_at", "touched_sale_day": "counted_converted_at"}


def explain(
    db: Database, catalog: Catalog, table: Table, day: date, *, column: str | None = None, since: date | None = None
) -> dict[str, Any]:
    """Why a day says what it says: its largest rows, the clicks behind it by verdict, what computed it from what, what waits to
    be taken in, and how its numbers moved since a date. Raises NothingFound where the day was never computed, NoSuchDay where it
    cannot be yet."""
    if table.kind != "daily":
        raise NoSuchDay(f"{table.key} is of kind {table.kind}: only daily tables have days")
    shown = [table.column(column).name] if column else list(table.headline)
    computed = None
    if is_known(db):
        with db.psycopg() as pg:
            computed = _computed(pg, table, day)
            values, clicks, waiting = _values(pg, table, day, shown), _clicks(pg, table, day), _waiting(pg, table, day)
    if computed is None:
        rebuild_range(day, day, today(db))
        raise NothingFound(f"{table.key} has no {day} yet: aclue {table.room} rebuild --from {day} --to {day}")
    moves = restated(db, table, day=day, since=since)
    return {
        "table": table.key,
        "day": day,
        **computed,
        "is_current": computed["version"] == catalog.version(table, get_settings()),
        "values": values,
        "clicks": clicks,
        "waiting": waiting,
        "restatements": [move for move in moves if column in (None, move["column"])],
    }


def _computed(pg: Pg, table: Table, day: date) -> dict[str, Any] | None:
    found = _found(
        pg,
        """select version, rows, figures, lost, publication, computed_at from pipeline.days
           where table_name = %(table)s and day = %(day)s""",
        table=table.key, day=day,
    )  # fmt: skip
    return found[0] if found else None


def _values(pg: Pg, table: Table, day: date, shown: list[str]) -> list[dict[str, Any]]:
    """The largest rows of the day, by the first of the columns shown."""
    keys = [name for name in table.grain if name != table.clock]
    columns = [*keys, *(shown or (column.name for column in table.columns if not column.bookkeeping))]
    statement = sql.SQL(
        "select {shown} from {table} where {clock} = %(day)s order by {first} desc nulls last limit 20"
    ).format(
        **parts_of(table), shown=listed(dict.fromkeys(columns)), first=sql.Identifier(*(shown[:1] or table.grain[:1]))
    )
    return _found(pg, statement, day=day)


def _waiting(pg: Pg, table: Table, day: date) -> list[dict[str, Any]]:
    return _found(
        pg,
        """select cause, count(*) as changes, max(noted_at) as noted_at from pipeline.dirty
           where table_name = %(table)s and day = %(day)s group by 1 order by 1""",
        table=table.key, day=day,
    )  # fmt: skip


def _clicks(pg: Pg, table: Table, day: date) -> list[dict[str, Any]]:
    """The clicks that a table of clicks counts on the day, by verdict; of machines' the pattern that says so."""
    clock = next((_CLOCKS[reach] for reach in table.reads if reach in _CLOCKS), None)
    if clock is None or not is_there(pg, "staging.click_facts"):
        return []
    statement = sql.SQL(
        """select verdict, machine_pattern, count(*) as clicks, count(*) filter (where is_converted) as conversions,
                  sum(actual_commission) as actual_commission, count(*) filter (where gone_at is not null) as gone
           from staging.click_facts
           where {clock} >= analytics.day_start(%(day)s, %(zone)s) and {clock} < analytics.day_start(%(day)s + 1, %(zone)s)
           group by 1, 2 order by clicks desc"""
    ).format(clock=sql.Identifier(clock))
    return _found(pg, statement, day=day, zone=get_settings().timezone)


def _found(pg: Pg, statement: Any, **values: Any) -> list[dict[str, Any]]:
    with pg.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, values).fetchall()
