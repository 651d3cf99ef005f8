"""Closing months: from then on a month's commission stands as it was reported, and what changes of it later is an adjustment of
the first open month. How the rows follow from that, sql/revenue/commission_monthly.sql says."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import needed, today, whole
from aclue_pipeline.derived.statement import is_there
from aclue_pipeline.errors import MonthNotClosable
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.settings import get_settings

TABLE, DAYS = "analytics.commission_monthly", "analytics.commission_daily"


@dataclass(frozen=True)
class Closed:
    """A month that was closed or opened again: its amounts by currency and network, as (commission, adjustments)."""

    month: date
    amounts: dict[tuple[str, str], tuple[Any, Any]]


def close(db: Database, catalog: Catalog, month: date, who: str) -> Closed:
    """Freeze the commission of the month that begins on `month`: its own sales, and what is booked in it for earlier months.

    Months close in order, and only once they are over and all their days are as the facts say. Closing one twice changes
    nothing. Raises MonthNotClosable that names what is in the way.
    """
    settings = get_settings()
    if month >= today(db).replace(day=1):
        raise MonthNotClosable(f"{month:%Y-%m} is not over yet in {settings.timezone}")
    if month < settings.first_day.replace(day=1):
        raise MonthNotClosable(
            f"{month.isoformat()[:7]} is before the first day, {settings.first_day}: ACLUE_FIRST_DAY sets another"
        )
    waiting = needed(db, catalog, catalog.table(DAYS), last=_following(month) - timedelta(days=1))
    if waiting:
        raise MonthNotClosable(
            f"{len(waiting)} days up to {month:%Y-%m} are still to be computed, the first {waiting[0]}: "
            "`aclue revenue rebuild`, then close it"
        )
    with whole(db, catalog, catalog.table(TABLE)) as (pg, refresh):
        last = last_closed(pg)
        if last is not None and month <= last:
            return Closed(month, _frozen(pg, month))
        expected = _first_open(pg, last)
        if expected is not None and month < expected:
            raise MonthNotClosable(f"{month:%Y-%m} holds no sale: the first month that does is {expected:%Y-%m}")
        if expected is not None and month != expected:
            raise MonthNotClosable(f"months close in order: {expected:%Y-%m} is open, close it before {month:%Y-%m}")
        refresh()
        pg.execute(
            "insert into pipeline.closings (month, closed_by) values (%s, session_user || ': ' || %s)", [month, who]
        )
        pg.execute(
            """insert into pipeline.closed_months (month, currency, affiliate_network, commission, adjustments)
               select month, currency, affiliate_network, coalesce(open, 0), adjustments
               from analytics.commission_monthly where month = %s""",
            [month],
        )
        refresh("closing")
        return Closed(month, _frozen(pg, month))


def reopen(db: Database, catalog: Catalog, month: date, who: str) -> Closed:
    """Open the last closed month again; that it was closed stays in pipeline.closings. Raises MonthNotClosable for any other."""
    with whole(db, catalog, catalog.table(TABLE)) as (pg, refresh):
        last = last_closed(pg)
        if last != month:
            closed = f"the last closed month is {last:%Y-%m}" if last else "no month is closed"
            raise MonthNotClosable(f"only the last closed month may be opened again: {closed}, not {month:%Y-%m}")
        amounts = _frozen(pg, month)
        pg.execute("delete from pipeline.closed_months where month = %s", [month])
        pg.execute(
            """update pipeline.closings set reopened_at = now(), reopened_by = session_user || ': ' || %s
               where month = %s and reopened_at is null""",
            [who, month],
        )
        refresh("reopening")
        return Closed(month, amounts)


def next_to_close(db: Database, catalog: Catalog) -> date | None:
    """The first month that is open and over; None where there is none."""
    with db.psycopg() as pg:
        if not is_there(pg, "pipeline.closings"):
            return None
        month = _first_open(pg, last_closed(pg))
    return month if month is not None and _following(month) <= today(db) else None


def last_closed(pg: Pg) -> date | None:
    row = pg.execute("select max(month) from pipeline.closings where reopened_at is null").fetchone()
    return row[0] if row else None


def _first_open(pg: Pg, last: date | None) -> date | None:
    """The month after the last closed one, else the first with a sale; None where nothing was sold yet."""
    row = pg.execute(
        """select coalesce((%s::date + interval '1 month')::date, date_trunc('month', min(day))::date) from analytics.commission_daily""",
        [last],
    ).fetchone()
    return row[0] if row else None


def _frozen(pg: Pg, month: date) -> dict[tuple[str, str], tuple[Any, Any]]:
    rows = pg.execute(
        """select currency, affiliate_network, commission, adjustments from pipeline.closed_months
           where month = %s order by 1, 2""",
        [month],
    ).fetchall()
    return {(currency, network): (commission, adjustments) for currency, network, commission, adjustments in rows}


def _following(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
