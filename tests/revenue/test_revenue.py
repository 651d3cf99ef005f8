"""Revenue's tables against plain Python on random worlds: every day, also those of 23 and 25 hours, to the penny."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from tests.oracles import revenue
from tests.oracles.clicks import verdicts
from tests.oracles.numbers import day, total
from tests.oracles.views import kept_views
from tests.support.catalogs import CATALOG
from tests.worlds import FEW, ZONE, load, pieces_agree, published, span, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
TABLES = ["revenue_daily", "commission_daily", "product_revenue_daily"]


@pytest.mark.parametrize("name", TABLES)
def test_every_day_is_what_plain_python_counts(world_db: Database, name: str) -> None:
    @FEW
    @given(worlds())
    def counts(world: Any) -> None:
        load(world_db, world)
        assert published(world_db, name, *span(world)) == getattr(revenue, name)(world, ZONE)

    counts()


@FEW
@given(worlds())
def test_no_row_and_no_penny_is_lost(world_db: Database, world: Any) -> None:
    """In = in days + in named buckets, by both clocks."""
    load(world_db, world)
    days = span(world)
    verdict = verdicts(world["clicks"])
    rows = published(world_db, "revenue_daily", *days).values()
    undated = [click for click in world["clicks"] if verdict[click["id"]] == "no_date"]
    repeated = [click for click in world["clicks"] if verdict[click["id"]] == "duplicate"]
    assert sum(row["clicks"] for row in rows) + len(repeated) + len(undated) == len(world["clicks"])
    money = sum((row["actual_commission"] or 0) + row["commission_on_rejected_clicks"] for row in rows)
    assert money + paid(undated) == paid(world["clicks"])

    booked = published(world_db, "commission_daily", *days).values()
    timeless = [click for click in world["clicks"] if click["conversion_timestamp"] is None]
    assert sum(row["conversions"] for row in booked) + sold(timeless) == sold(world["clicks"])
    assert sum(row["actual_commission"] or 0 for row in booked) + paid(timeless) == paid(world["clicks"])

    products = published(world_db, "product_revenue_daily", *days).values()
    dated = [view for view in kept_views(world["views"]) if view["view_timestamp"] is not None]
    others = [view for view in dated if view["interaction_type"] not in ("impression", "detail_view")]
    assert sum(row["impressions"] + row["detail_views"] for row in products) + len(others) == len(dated)
    assert sum(row["affiliate_clicks"] for row in products) == sum(row["valid_clicks"] for row in rows)
    assert sum(row["actual_commission"] or 0 for row in products) == sum(row["actual_commission"] or 0 for row in rows)


def paid(clicks: list[dict[str, Any]]) -> Decimal:
    return total(click["actual_commission"] for click in clicks) or Decimal(0)


def sold(clicks: list[dict[str, Any]]) -> int:
    return sum(click["is_converted"] is True for click in clicks)


@FEW
@given(worlds(), st.integers(1, 3), st.sampled_from(TABLES))
def test_a_range_of_any_size_gives_the_same_days_and_a_second_run_writes_nothing(
    world_db: Database, world: Any, size: int, name: str
) -> None:
    assert pieces_agree(world_db, name, world, size)


@FEW
@given(worlds(), st.data())
def test_a_late_conversion_restates_its_click_day_and_its_conversion_day_and_no_other(
    world_db: Database, world: Any, data: st.DataObject
) -> None:
    open_ones = [
        click
        for click in world["clicks"]
        if click["click_timestamp"] and click["is_converted"] is not True and click["actual_commission"] is None
    ]
    if not open_ones:
        return
    load(world_db, world)
    first, last = span(world)
    last += 4 * DAY
    for name in TABLES:
        published(world_db, name, first, last)
    late = data.draw(st.sampled_from(open_ones))
    late |= {
        "is_converted": True,
        "conversion_timestamp": late["click_timestamp"] + 3 * DAY,
        "actual_commission": Decimal("0.07"),
    }
    load(world_db, world)
    clicked, converted = (day(late[clock], ZONE) for clock in ("click_timestamp", "conversion_timestamp"))
    assert restated(world_db, "revenue_daily", first, last) == [clicked]
    assert restated(world_db, "commission_daily", first, last) == [converted]
    is_valid = verdicts(world["clicks"])[late["id"]] == "valid"
    assert restated(world_db, "product_revenue_daily", first, last) == [clicked] * is_valid


def restated(db: Database, name: str, *days: Any) -> list[Any]:
    return [result.day for result in derived.replace_days(db, CATALOG, CATALOG.table(name), *days) if result.changed]
