"""Every daily table on the nights in which clocks change, in zones that do it at midnight, by half an hour, for Ramadan, or never."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from aclue_pipeline.derived import today
from aclue_pipeline.postgres import Database
from tests.oracles import funnel, revenue
from tests.oracles.facts import facts
from tests.worlds import FEW, load, local_days, numbers, published, span, times_of, worlds

pytestmark = pytest.mark.database

HOUR = timedelta(hours=1)
ZONES = [
    "Africa/Cairo",  # Both changes at midnight.
    "Africa/Casablanca",  # Back for Ramadan, then forward again.
    "America/Havana",  # Back at 1:00 to midnight: a day with two midnights; forward at midnight.
    "America/New_York",
    "America/Vancouver",  # Whether clocks go back in November 2026 depends on how new the zone data is.
    "Asia/Kathmandu",  # A quarter of an hour off, never changed.
    "Australia/Lord_Howe",  # Half an hour.
    "Europe/London",
    "Pacific/Auckland",
    "UTC",
]


def turns(db: Database, zone: str) -> list[datetime]:
    """When the clocks of 2026 change by the server's data, else an ordinary midnight."""
    asked = """
        select t from generate_series(timestamptz '2026-01-01 00:00+00', '2026-12-31 00:00+00', interval '30 minutes') t
        where (t at time zone %(zone)s) - ((t - interval '30 minutes') at time zone %(zone)s) <> interval '30 minutes'"""
    with db.psycopg() as pg:
        found = [at for (at,) in pg.execute(asked, {"zone": zone})]
        ordinary = "select timestamp '2026-11-01 00:00' at time zone %s"
        return found or [at for (at,) in pg.execute(ordinary, [zone])]


#: The reporting zone by default; all others are tried by make test-all.
EVERY_TIME = ("Europe/London",)


@pytest.mark.parametrize(
    "zone",
    [zone if zone in EVERY_TIME else pytest.param(zone, marks=pytest.mark.slow) for zone in ZONES],
    indirect=True,
)
def test_days_are_the_servers_on_every_night_in_which_clocks_change(world_db: Database, zone: str) -> None:
    around = [at + delta for at in turns(world_db, zone)[:2] for delta in (-HOUR, 0 * HOUR, HOUR)]

    @settings(FEW, max_examples=6)
    @given(worlds(*around))
    def agrees(world: Any) -> None:
        load(world_db, world)
        days, judged = local_days(world_db, times_of(world), zone), facts(world)
        found = {name: published(world_db, name, *span(days)) for name in ("revenue_daily", "commission_daily")}
        assert found["revenue_daily"] == revenue.revenue_daily(judged, days)
        assert found["commission_daily"] == revenue.commission_daily(judged, days)
        products = published(world_db, "product_revenue_daily", *span(days))
        assert products == revenue.product_revenue_daily(world, judged, days)
        assert published(world_db, "ctr_by_position_daily", *span(days)) == funnel.ctr_by_position_daily(judged, days)
        steps = funnel.session_steps(world, judged, days, numbers(world_db))
        assert published(world_db, "session_funnel_daily", *span(days)) == funnel.session_funnel_daily(steps)

    agrees()


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_begins_where_the_day_before_ends_and_every_instant_is_in_its_day(world_db: Database, zone: str) -> None:
    asked = """
        select t, analytics.local_day(t, %(zone)s), analytics.day_start(analytics.local_day(t, %(zone)s), %(zone)s),
            analytics.day_start(analytics.local_day(t, %(zone)s) + 1, %(zone)s)
        from generate_series(%(first)s::timestamptz, %(first)s::timestamptz + interval '400 days', interval '15 minutes') t"""
    with world_db.psycopg() as pg:
        rows = pg.execute(asked, {"zone": zone, "first": datetime(2026, 1, 1, tzinfo=UTC)}).fetchall()
    starts: dict[date, datetime] = {}
    for at, day, begins, ends in rows:
        assert begins <= at < ends
        assert starts.setdefault(day, begins) == begins
        assert starts.setdefault(day + timedelta(days=1), ends) == ends


@pytest.mark.parametrize("zone", ["America/Vancouver", "Africa/Casablanca"], indirect=True)
def test_today_is_the_servers_where_its_zone_data_is_another_than_pythons(world_db: Database, zone: str) -> None:
    hours = [datetime(2026, 12, 1, hour, 30, tzinfo=UTC) for hour in range(24)]
    asked = "select analytics.local_day(t, %s) from unnest(%s::timestamptz[]) t"
    with world_db.psycopg() as pg:
        servers = [day for (day,) in pg.execute(asked, [zone, hours])]
    assert [today(world_db, at) for at in hours] == servers
