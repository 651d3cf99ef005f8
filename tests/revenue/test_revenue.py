"""Revenue's tables against plain Python on random worlds: every day, also those of 23 and 25 hours, to the penny."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database
from tests.oracles import revenue
from tests.oracles.facts import Facts, facts, usable
from tests.oracles.numbers import total
from tests.worlds import (
    FEW,
    HOSTILE,
    build,
    change,
    load,
    local_days,
    pieces_agree,
    published,
    span,
    times_of,
    worlds,
)

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
TABLES = ["revenue_daily", "commission_daily", "product_revenue_daily"]


def counted(name: str, world: Any, judged: Facts, days: revenue.Days) -> revenue.Table:
    if name == "product_revenue_daily":
        return revenue.product_revenue_daily(world, judged, days)
    table: revenue.Table = getattr(revenue, name)(judged, days)
    return table


@FEW
@given(worlds())
def test_every_day_is_what_plain_python_counts(world_db: Database, world: Any) -> None:
    load(world_db, world)
    days, judged = local_days(world_db, times_of(world)), facts(world)
    for name in TABLES:
        assert published(world_db, name, *span(days)) == counted(name, world, judged, days)


@FEW
@given(worlds())
def test_no_row_and_no_penny_is_lost_by_either_clock(world_db: Database, world: Any) -> None:
    """In = in days + in named buckets, whatever a repeat's or a machine's money."""
    load(world_db, world)
    first, last = span(local_days(world_db, times_of(world)))
    judged = facts(world).clicks
    rows = published(world_db, "revenue_daily", first, last).values()
    undated = [click for click in judged if click["verdict"] == "no_date"]
    assert sum(row["clicks"] + row["repeats"] for row in rows) + len(undated) == len(world["clicks"])
    money = sum((row["actual_commission"] or 0) + row["commission_on_rejected_clicks"] for row in rows)
    assert money + paid(undated) == paid(judged)

    booked = published(world_db, "commission_daily", first, last).values()
    timeless = [click for click in judged if click["converted_at"] is None]
    assert sum(row["conversions"] for row in booked) + sold(timeless) == sold(judged)
    assert sum(row["actual_commission"] or 0 for row in booked) + paid(timeless) == paid(judged)

    products = published(world_db, "product_revenue_daily", first, last).values()
    for column, other in [("clicks", "valid_clicks"), ("conversions", "conversions"), ("actual_commission",) * 2]:
        assert sum(row[column] or 0 for row in products) == sum(row[other] or 0 for row in rows)


def paid(clicks: list[dict[str, Any]]) -> Decimal:
    return total(click["actual"] for click in clicks) or Decimal(0)


def sold(clicks: list[dict[str, Any]]) -> int:
    return sum(click["is_converted"] for click in clicks)


@pytest.mark.slow
@FEW
@given(worlds(), st.integers(1, 3), st.sampled_from(TABLES))
def test_a_range_of_any_size_gives_the_same_days_and_a_second_run_writes_nothing(
    world_db: Database, world: Any, size: int, name: str
) -> None:
    assert pieces_agree(world_db, name, world, size)


@pytest.mark.slow
@FEW
@given(worlds())
def test_a_row_that_no_key_could_hold_stops_no_day(world_db: Database, world: Any) -> None:
    for row in world["clicks"]:
        row |= dict.fromkeys(("source_page", "affiliate_network", "device_type", *revenue.PAGE[-3:]), HOSTILE)
    for row in (*world["sessions"], *world["views"]):
        row |= {
            name: HOSTILE
            for name in row
            if name.startswith("utm_") or name in ("device_type", "view_source", "landing_page")
        }
    load(world_db, world)
    days, judged = local_days(world_db, times_of(world)), facts(world)
    for name in TABLES:
        assert published(world_db, name, *span(days)) == counted(name, world, judged, days)


@FEW
@given(worlds(), st.data())
def test_a_late_conversion_restates_its_click_day_and_its_conversion_day_and_no_other(
    world_db: Database, world: Any, data: st.DataObject
) -> None:
    open_ones = [
        click
        for click in world["clicks"]
        if usable(click["click_timestamp"]) and click["is_converted"] is not True and click["actual_commission"] is None
    ]
    if not open_ones:
        return
    load(world_db, world)
    first, last = span(local_days(world_db, times_of(world)))
    last += 4 * DAY
    for name in TABLES:
        published(world_db, name, first, last)
    late = data.draw(st.sampled_from(open_ones))
    late |= {
        "is_converted": True,
        "conversion_timestamp": late["click_timestamp"] + 3 * DAY,
        "actual_commission": Decimal("0.07"),
    }
    change(world_db, world)
    days = local_days(world_db, times_of(world))
    judged = {click["id"]: click for click in facts(world).clicks}
    counts = judged[judged[late["id"]]["kept"] or late["id"]]
    assert restated(world_db, "revenue_daily", first, last) == [days[counts["at"]]]
    assert restated(world_db, "commission_daily", first, last) == [days[late["conversion_timestamp"]]]
    assert restated(world_db, "product_revenue_daily", first, last) == [days[counts["at"]]] * (
        counts["verdict"] == "valid"
    )


def restated(db: Database, name: str, *days: Any) -> list[Any]:
    return [result.day for result in build(db, name, *days) if result.changed]
