"""Revenue's tables against plain Python on random worlds: every day, also those of 23 and 25 hours, to the penny."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from aclue_pipeline import catalog
from aclue_pipeline.postgres import Database
from tests.oracles import revenue
from tests.oracles.clicks import verdicts
from tests.worlds import AUTUMN, FEW, SPRING, ZONE, load, of_days, published, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)


@pytest.mark.parametrize("around", [SPRING, AUTUMN], ids=["23 hours", "25 hours"])
@pytest.mark.parametrize("name", ["revenue_daily", "commission_daily", "product_revenue_daily"])
def test_every_day_is_what_plain_python_counts(world_db: Database, name: str, around: date) -> None:
    first, last = around - 2 * DAY, around + 2 * DAY

    @FEW
    @given(worlds())
    def counts(world: Any) -> None:
        load(world_db, world)
        expected = of_days(getattr(revenue, name)(world, ZONE), first, last)
        assert published(world_db, name, first, last) == expected

    counts()


@FEW
@given(worlds())
def test_no_row_and_no_penny_is_lost(world_db: Database, world: Any) -> None:
    """In = in days + in named buckets, by both clocks."""
    load(world_db, world)
    first, last = SPRING - 3 * DAY, AUTUMN + 3 * DAY
    verdict = verdicts(world["clicks"])
    days = published(world_db, "revenue_daily", first, last).values()
    undated = [click for click in world["clicks"] if verdict[click["id"]] == "no_date"]
    repeated = [click for click in world["clicks"] if verdict[click["id"]] == "duplicate"]
    assert sum(row["clicks"] for row in days) + len(repeated) + len(undated) == len(world["clicks"])
    money = sum((row["actual_commission"] or 0) + row["commission_on_rejected_clicks"] for row in days)
    assert money + paid(undated) == paid(world["clicks"])
    booked = published(world_db, "commission_daily", first, last).values()
    no_date = [click for click in world["clicks"] if click["conversion_timestamp"] is None]
    assert sum(row["actual_commission"] or 0 for row in booked) + paid(no_date) == paid(world["clicks"])


def paid(clicks: list[dict[str, Any]]) -> Decimal:
    return sum((click["actual_commission"] or Decimal(0) for click in clicks), Decimal(0))


@FEW
@given(worlds())
def test_a_range_of_any_size_gives_the_same_days_and_a_second_run_writes_nothing(
    world_db: Database, world: Any
) -> None:
    load(world_db, world)
    for name in ("revenue_daily", "commission_daily", "product_revenue_daily"):
        table = catalog.table(name)
        catalog.replace_days(world_db, table, AUTUMN - 2 * DAY, AUTUMN + 2 * DAY)
        for n in range(-2, 3):
            (alone,) = catalog.replace_days(world_db, table, AUTUMN + n * DAY, AUTUMN + n * DAY)
            assert not alone.changed


@FEW
@given(worlds())
def test_a_late_conversion_restates_its_click_day_and_its_conversion_day_and_no_other(
    world_db: Database, world: Any
) -> None:
    verdict = verdicts(world["clicks"])
    open_ones = [
        click
        for click in world["clicks"]
        if verdict[click["id"]] == "valid" and click["is_converted"] is not True and click["actual_commission"] is None
    ]
    if not open_ones:
        return
    load(world_db, world)
    first, last = SPRING - 3 * DAY, AUTUMN + 6 * DAY
    for name in ("revenue_daily", "commission_daily"):
        published(world_db, name, first, last)
    late = open_ones[0]
    late |= {
        "is_converted": True,
        "conversion_timestamp": late["click_timestamp"] + 3 * DAY,
        "actual_commission": Decimal("0.07"),
    }
    load(world_db, world)
    for name, clock in (("revenue_daily", "click_timestamp"), ("commission_daily", "conversion_timestamp")):
        results = catalog.replace_days(world_db, catalog.table(name), first, last)
        assert [result.day for result in results if result.changed] == [revenue.day(late[clock], ZONE)]
