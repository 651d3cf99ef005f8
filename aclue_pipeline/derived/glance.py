"""A first look at a table that is there: how many rows, a few of them, its headline day by day. Reads only, and briefly."""

import re
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.derived.statement import is_there, local_day
from aclue_pipeline.postgres import driver
from aclue_pipeline.settings import get_settings

COUNT_SECONDS = 5

_SAMPLE = 5
_DAYS = 120
_MONEY = re.compile("^(actual_|expected_)?commission(_to_date)?$")


def today(connection: sa.Connection) -> date:
    """The day it is in the reporting zone, by the server's clock."""
    return local_day(driver(connection))


def count(connection: sa.Connection, table: Table) -> int | None:
    """The number of rows; None where counting takes long."""
    before = connection.execute(sa.text("select current_setting('statement_timeout')")).scalar_one()
    limit = sa.text("select set_config('statement_timeout', :ms, true)")
    try:
        with connection.begin_nested():
            connection.execute(limit, {"ms": str(COUNT_SECONDS * 1000)})
            rows = connection.execute(sa.select(sa.func.count()).select_from(_of(table))).scalar_one()
            connection.execute(limit, {"ms": before})
            return int(rows)
    except sa.exc.OperationalError as error:
        if isinstance(error.orig, psycopg.errors.QueryCanceled):
            return None
        raise


def sample(connection: sa.Connection, table: Table) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """A few rows, the newest first and of these the largest; the names of the columns that tell them apart, and of their numbers: what
    was earned, the headline, then other money. Without personal data."""
    first, *others = table.grain
    money = sorted((c.name for c in table.columns if _MONEY.search(c.name)), key=lambda name: "expected" in name)
    pii = {column.name for column in table.columns if column.pii}
    apart = [name for name in table.grain if name not in pii]
    numbers = [*dict.fromkeys([*money[:1], *table.headline, *money[1:]])]
    names = [*apart, *numbers]
    columns: dict[str, sa.ColumnElement[Any]] = {column.name: sa.column(column.name) for column in table.columns}
    newest = columns[first].desc().nulls_last() if table.column(first).type == "date" else columns[first]
    largest = [columns[name].desc().nulls_last() for name in table.headline[:1]]
    some = sa.select(*(columns[name] for name in names)).select_from(_of(table)).limit(_SAMPLE)
    rows = connection.execute(some.order_by(newest, *largest, *(columns[name] for name in others))).mappings()
    return [dict(row) for row in rows], apart, numbers


def per_day(connection: sa.Connection, table: Table) -> list[dict[str, Any]]:
    """The headline columns' sums of each of the newest days that were computed, oldest first, 0 on one on which nothing happened; of a
    funnel its steps. Empty without either."""
    if is_funnel(table):
        return _steps_per_day(connection, table)
    if not table.headline:
        return []
    sums: list[sa.ColumnElement[Any]] = [sa.func.sum(sa.column(name)).label(name) for name in table.headline]
    day: sa.ColumnClause[Any] = sa.column(table.clock)
    found = connection.execute(
        sa.select(day.label("day"), *sums).select_from(_of(table)).where(day.in_(_computed(table))).group_by(day)
    )
    rows: dict[date, dict[str, Any]] = {row["day"]: dict(row) for row in found.mappings()}
    days = connection.scalars(_computed(table)) if rows else ()
    return [
        {"day": day, **{name: float(rows.get(day, {}).get(name) or 0) for name in table.headline}}
        for day in sorted(days)
    ]


def _computed(table: Table) -> sa.Select[date]:
    """The newest days that the table was computed for, with or without rows."""
    day: sa.ColumnClause[date] = sa.column("day")
    newest = sa.select(day).select_from(sa.table("days", schema="pipeline")).where(sa.column("table_name") == table.key)
    return newest.order_by(day.desc()).limit(_DAYS)


def is_funnel(table: Table) -> bool:
    """Whether its rows are steps: no column of it may be summed over a day, a session being in each step that it reached."""
    return "step_name" in {column.name for column in table.columns}


def _steps_per_day(connection: sa.Connection, table: Table) -> list[dict[str, Any]]:
    """Sessions on the path that all are on, a column for each step."""
    day: sa.ColumnClause[Any] = sa.column(table.clock)
    step: sa.ColumnClause[int] = sa.column("step")
    name: sa.ColumnClause[str] = sa.column("step_name")
    sessions: sa.ColumnElement[Any] = sa.func.sum(sa.column("sessions"))
    some = sa.select(day.label("day"), name, sessions.label("sessions")).select_from(_of(table))
    of_all = some.where(sa.column("path") == "all", day.in_(_computed(table))).group_by(day, step, name).order_by(step)
    rows = connection.execute(of_all).all()
    none = {row.step_name: 0.0 for row in rows}
    days = {day: {"day": day, **none} for day in (connection.scalars(_computed(table)) if rows else ())}
    for row in rows:
        days[row.day][row.step_name] = float(row.sessions)
    return [days[day] for day in sorted(days)]


def money_per_day(connection: sa.Connection, table: Table, days: Collection[date] = ()) -> list[dict[str, Any]]:
    """Actual commission per day and currency, of these days or the newest, where the table has both: money is never summed across
    currencies."""
    if not {"currency", "actual_commission"} <= {column.name for column in table.columns}:
        return []
    day: sa.ColumnClause[Any] = sa.column(table.clock)
    currency: sa.ColumnClause[Any] = sa.column("currency")
    rows = connection.execute(
        sa.select(
            day.label("day"), currency.label("series"), sa.func.sum(sa.column("actual_commission")).label("value")
        )
        .select_from(_of(table))
        .where(day.between(min(days), max(days)) if days else day.in_(_computed(table)))
        .group_by(day, currency)
        .order_by(day, currency)
    )
    return [{"day": r.day, "series": r.series, "value": float(r.value or 0)} for r in rows]


def open_since(connection: sa.Connection, catalog: Catalog, table: Table) -> date | None:
    """The first of the newest days of which more may still be reported; None where a day is final once it is over."""
    if "funnel_window_days" in catalog.settings_of(table):
        days = get_settings().funnel_window_days
    elif "actual_commission" in {column.name for column in table.columns}:
        of = "validation_days" if "sale_day" in table.reads else "attribution_window_days"
        if not is_there(driver(connection), "staging.networks"):
            return None
        networks = sa.table("networks", schema="staging")
        days = connection.execute(sa.select(sa.func.max(sa.column(of))).select_from(networks)).scalar_one()
    else:
        return None
    return today(connection) - timedelta(days=days)


def _of(table: Table) -> sa.TableClause:
    return sa.table(table.name, schema=table.schema)
