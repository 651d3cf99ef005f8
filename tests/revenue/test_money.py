"""What is open, and how late money comes, against plain Python on random worlds around today; and that all tables of money say the same."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.checks import of_file
from aclue_pipeline.postgres import Database
from tests.oracles import revenue
from tests.oracles.facts import facts
from tests.support.catalogs import CATALOG
from tests.worlds import FEW, ZONE, build, change, load, local_days, repeated, rows_of, span, sync, times_of, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
NOW = datetime.now(UTC)

#: Midnights around which a sale becomes older than its bucket, and one ahead of now.
AGES = [NOW.replace(hour=0, minute=0, second=0, microsecond=0) - DAY * days for days in (-3, 0, 30, 31, 60, 61, 90, 91)]


@pytest.fixture(scope="module", autouse=True)
def tables(world_db: Database) -> None:
    derived.ensure_tables(world_db, CATALOG, "revenue")


def found(db: Database, name: str) -> revenue.Table:
    table = CATALOG.table(name)
    values = [column.name for column in table.columns if not column.bookkeeping and column.name not in table.grain]
    return {
        tuple(row[column] for column in table.grain): {column: row[column] for column in values}
        for row in rows_of(db, table.key)
    }


def today(db: Database, zone: str = ZONE) -> date:
    return local_days(db, [datetime.now(UTC)], zone).popitem()[1]


@pytest.mark.parametrize(
    "zone",
    ["Europe/London", *(pytest.param(far, marks=pytest.mark.slow) for far in ("Pacific/Auckland", "America/Havana"))],
    indirect=True,
)
def test_what_is_open_at_which_age_is_what_plain_python_counts(world_db: Database, zone: str) -> None:
    @FEW
    @given(worlds(*AGES))
    def agrees(world: Any) -> None:
        load(world_db, world)
        days = local_days(world_db, times_of(world), zone)
        assert found(world_db, "commission_open") == revenue.commission_open(facts(world), days, today(world_db, zone))

    agrees()


# --- how late it comes ------------------------------------------------------------------------------------------------

#: The first midnight of a month two months ago, and when the syncs around it are taken to have been.
MONTH = (NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - DAY * 40).replace(day=1)
SYNCED = [MONTH, MONTH + timedelta(hours=30), MONTH + timedelta(hours=100)]


@st.composite
def told(draw: st.DrawFn) -> list[Any]:
    """A world as three syncs find it: clicks come late, and sales later, some of them reported for a repeat."""
    world = draw(worlds(MONTH, MONTH, MONTH - 2 * DAY, MONTH - 40 * DAY))
    for click in world["clicks"][::2]:
        click |= {"is_converted": True, "user_agent": None}
    if world["clicks"]:
        world["clicks"].append(draw(repeated(draw(st.sampled_from(world["clicks"])))) | {"is_converted": True})
    stages = st.integers(0, 2)
    comes = {click["id"]: draw(stages) for click in world["clicks"]}
    sells = {click["id"]: max(draw(stages), comes[click["id"]]) for click in world["clicks"]}
    unsold = {"is_converted": False, "conversion_timestamp": None, "actual_commission": None}
    return [
        world
        | {
            "clicks": [
                click if sells[click["id"]] <= stage else click | unsold
                for click in world["clicks"]
                if comes[click["id"]] <= stage
            ]
        }
        for stage in range(3)
    ]


def seen(stages: list[Any]) -> dict[Any, tuple[datetime, datetime | None]]:
    """When each click was first seen, and when a sale of it that was not there before."""
    found: dict[Any, tuple[datetime, datetime | None]] = {}
    sold: dict[Any, bool] = {}
    for at, world in zip(SYNCED, stages, strict=True):
        for click in world["clicks"]:
            is_new = click["id"] in found and click["is_converted"] is True and not sold[click["id"]]
            found[click["id"]] = (found[click["id"]][0], at) if is_new else found.get(click["id"], (at, None))
            sold[click["id"]] = click["is_converted"] is True
    return found


def sync_at(db: Database, stages: list[Any]) -> None:
    """The facts of the stages, as if each had been synced at its time."""
    for n, world in enumerate(stages):
        (change if n else load)(db, world)
        with db.psycopg() as pg:
            for column in ("first_seen_at", "reported_at"):
                pg.execute(
                    f"update staging.click_facts set {column} = %s where {column} > now() - interval '1 hour'",
                    [SYNCED[n]],
                )


def over(db: Database, months: set[date]) -> dict[tuple[date, int], bool]:
    """Whether so many days have passed since a month was over, at the midnight of today."""
    asked = """
        select m::date, d, (now() at time zone %(zone)s)::date::timestamp at time zone %(zone)s
            >= (m + interval '1 month') at time zone %(zone)s + d * interval '24 hours'
        from unnest(%(months)s::timestamp[]) as m, generate_series(0, 90) as d"""
    with db.psycopg() as pg:
        return {
            (month, day): is_over for month, day, is_over in pg.execute(asked, {"zone": ZONE, "months": sorted(months)})
        }


@pytest.mark.parametrize("times", [12, pytest.param(80, marks=pytest.mark.slow)])
def test_how_late_sales_come_and_are_reported_is_what_plain_python_counts(world_db: Database, times: int) -> None:
    @settings(FEW, max_examples=times)
    @given(told())
    def agrees(stages: list[Any]) -> None:
        sync_at(world_db, stages)
        days = local_days(world_db, times_of(stages[-1]))
        derived.replace_whole(world_db, CATALOG, CATALOG.table("conversion_lag"))
        is_over = over(world_db, {day.replace(day=1) for day in days.values()})
        wanted = revenue.conversion_lag(facts(stages[-1]), days, seen(stages), is_over)
        assert found(world_db, "conversion_lag") == wanted

    agrees()


MADE_UP = """
insert into public.affiliate_clicks (session_id, click_timestamp, source_page, affiliate_network, affiliate_url)
select 's' || n, '2026-03-01 10:00+00', '', case when n = 60 then 'awin' else 'made up ' || n end, '' from generate_series(1, 60) as n
"""


def test_networks_that_a_client_makes_up_make_no_rows(world_db: Database) -> None:
    load(world_db, {})
    with world_db.psycopg() as pg:
        pg.execute(MADE_UP)
    sync(world_db)
    derived.replace_whole(world_db, CATALOG, CATALOG.table("conversion_lag"))
    with world_db.psycopg() as pg:
        asked = "select affiliate_network, clicks from analytics.conversion_lag where days_since = 90"
        clicks = dict(pg.execute(asked).fetchall())
    assert len(clicks) == 51
    assert (clicks["awin"], clicks["(other)"]) == (1, 10)
    [lags] = [check for check in CATALOG.checks if check.name == "lags_add_up"]
    assert of_file(lags).judge(world_db).passed


# --- all say the same ---------------------------------------------------------------------------------------------------

DAILY = ["revenue_daily", "commission_daily", "product_revenue_daily", "attribution_daily"]
WHOLE = ["commission_monthly", "conversion_lag", "commission_reconciliation"]

#: What each table says when it is summed, and what the facts say; grain first, numbers after.
SUMS = {
    "revenue_daily": (
        """select currency, affiliate_network, sum(clicks + repeats), sum(conversions), sum(expected_commission),
               sum(coalesce(actual_commission, 0) + commission_on_rejected_clicks)
           from analytics.revenue_daily group by 1, 2""",
        """select currency, affiliate_network, count(*), count(*) filter (where counted_as_converted),
               sum(expected_commission) filter (where verdict = 'valid'),
               coalesce(sum(case verdict when 'machine' then actual_commission else counted_commission end), 0)
           from staging.click_facts where clicked_at is not null group by 1, 2""",
    ),
    "both clocks": (
        """select (select coalesce(sum(coalesce(actual_commission, 0) + commission_on_rejected_clicks), 0) from analytics.revenue_daily)
               + (select coalesce(sum(actual_commission), 0) from staging.click_facts where clicked_at is null)""",
        """select (select coalesce(sum(actual_commission), 0) from analytics.commission_daily)
               + (select coalesce(sum(actual_commission), 0) from staging.click_facts where converted_at is null)""",
    ),
    "commission_daily": (
        """select currency, affiliate_network, sum(conversions), sum(conversions_without_amount), sum(expected_of_open),
               sum(actual_commission)
           from analytics.commission_daily group by 1, 2""",
        """select currency, affiliate_network, count(*) filter (where is_converted),
               count(*) filter (where is_converted and actual_commission is null),
               sum(expected_commission) filter (where actual_commission is null), sum(actual_commission)
           from staging.click_facts where converted_at is not null and (is_converted or actual_commission is not null) group by 1, 2""",
    ),
    "commission_monthly": (
        """select currency, affiliate_network, sum(coalesce(closed, 0) + coalesce(open, 0) + adjustments)
           from analytics.commission_monthly group by 1, 2""",
        """select currency, affiliate_network, coalesce(sum(actual_commission), 0) from staging.click_facts
           where actual_commission is not null or (is_converted and converted_at is not null) group by 1, 2""",
    ),
    "product_revenue_daily": (
        """select currency, sum(clicks), sum(conversions), sum(conversions_without_amount), coalesce(sum(actual_commission), 0)
           from analytics.product_revenue_daily group by 1 having sum(clicks) > 0""",
        """select currency, sum(valid_clicks), sum(conversions), sum(conversions_without_amount), coalesce(sum(actual_commission), 0)
           from analytics.revenue_daily group by 1 having sum(valid_clicks) > 0""",
    ),
    "commission_open": (
        """select currency, affiliate_network, sum(conversions_open), sum(expected_open), sum(conversions_compared),
               sum(actual_compared - expected_compared)
           from analytics.commission_open where age <> '(no date)' group by 1, 2""",
        """select currency, affiliate_network, sum(conversions_without_amount), sum(expected_of_open), sum(conversions_compared),
               sum(variance)
           from analytics.commission_daily group by 1, 2""",
    ),
    "conversion_lag": (
        """select click_month, currency, affiliate_network, clicks,
               conversions_to_date + conversions_negative_lag + conversions_without_time, commission_to_date + commission_without_lag
           from analytics.conversion_lag where days_since = 90""",
        """select date_trunc('month', day)::date, currency, affiliate_network, sum(valid_clicks), sum(conversions),
               coalesce(sum(actual_commission), 0)
           from analytics.revenue_daily group by 1, 2, 3 having sum(valid_clicks) > 0""",
    ),
    "attribution_daily": (
        """select day, currency, dimension, model, sum(conversions), sum(conversions_without_amount), sum(commission)
           from analytics.attribution_daily group by 1, 2, 3, 4""",
        """select (f.counted_converted_at at time zone 'Europe/London')::date, f.currency, d.name, m.name, count(*),
               count(*) filter (where f.counted_commission is null), sum(f.counted_commission)
           from staging.click_facts f
           cross join unnest(array['source_page', 'affiliate_network', 'utm_source', 'utm_medium', 'utm_campaign']) as d (name)
           cross join unnest(array['first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay']) as m (name)
           where f.counted_as_converted and f.counted_converted_at is not null group by 1, 2, 3, 4""",
    ),
    "last touch by page": (
        """select currency, touch, sum(conversions), sum(commission) from analytics.attribution_daily
           where dimension = 'source_page' and model = 'last' group by 1, 2""",
        """select currency, source_page, count(*), sum(counted_commission) from staging.click_facts
           where counted_as_converted and counted_converted_at is not null group by 1, 2""",
    ),
    "commission_reconciliation": (
        """select currency, affiliate_network, sum(clicks), sum(expected_commission), sum(actual_commission)
           from analytics.commission_reconciliation group by 1, 2""",
        """select currency, affiliate_network, count(*), sum(expected_commission), sum(actual_commission)
           from staging.click_facts group by 1, 2""",
    ),
}


@pytest.mark.parametrize("times", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_every_table_of_money_sums_to_what_the_facts_and_the_other_tables_say(world_db: Database, times: int) -> None:
    @settings(FEW, max_examples=times)
    @given(worlds())
    def agree(world: Any) -> None:
        load(world_db, world)
        first, last = span(local_days(world_db, times_of(world)))
        for name in DAILY:
            build(world_db, name, first, last)
        for name in WHOLE:
            derived.replace_whole(world_db, CATALOG, CATALOG.table(name))
        with world_db.psycopg() as pg:
            for name, asked in SUMS.items():
                ours, theirs = (set(pg.execute(statement).fetchall()) for statement in asked)
                assert ours == theirs, name

    agree()
