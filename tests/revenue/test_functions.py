"""analytics.revenue and analytics.people against plain Python, on random worlds and on a crowd that comes back."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases
from tests.oracles import report_functions as reports
from tests.oracles.facts import Facts, dimension, facts
from tests.support.crowds import crowd
from tests.support.report_functions import asked, call, differences
from tests.worlds import FEW, build, load, local_days, span, times_of, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
DIMENSIONS = ["day", "week", "month", "currency", "affiliate_network", "source_page", "device_type"]
DIMENSIONS += ["utm_source", "utm_medium", "utm_campaign"]
OF_PRODUCTS = ["product_id", "brand", "category"]
OF_PEOPLE = ["day", "week", "month", "device_type", "utm_source", "utm_medium", "utm_campaign"]
ZONES = ["Europe/London", "America/Havana", "Pacific/Auckland", "Asia/Kathmandu"]


def networks(world: Any) -> set[str]:
    return {dimension(click["affiliate_network"]) for click in world["clicks"]}


def agree(
    db: Database,
    world: Any,
    judged: Facts,
    by: list[str],
    first: date,
    last: date,
    zone: str = ZONES[0],
    begins: date = date(2024, 1, 1),
) -> None:
    """Both functions are what plain Python makes of the world; `by` as far as each knows it."""
    days = local_days(db, times_of(world), zone)
    of = asked(db, first, last, tuple(by), networks(world), zone, begins)
    wanted = reports.revenue(judged, world["products"], days, of)
    assert not differences(call(db, "revenue", of), wanted)
    of = asked(db, first, last, tuple(name for name in by if name in OF_PEOPLE), networks(world), zone, begins)
    today = local_days(db, [of.now], zone)[of.now]
    assert not differences(call(db, "people", of), reports.people(judged, days, today, of))


by = st.lists(st.sampled_from(DIMENSIONS + OF_PRODUCTS), unique=True, max_size=3)


@FEW
@given(worlds(), by, st.sampled_from(ZONES))
def test_every_group_is_what_plain_python_counts(world_db: Database, world: Any, by: list[str], zone: str) -> None:
    load(world_db, world)
    first, last = span(local_days(world_db, times_of(world), zone))
    agree(world_db, world, facts(world), by, first, last, zone)


LATELY = [datetime.now(UTC).replace(microsecond=0) - days * DAY for days in (0, 20, 40, 100)]


@FEW
@given(worlds(*LATELY), by)
def test_what_is_immature_takes_no_part_in_a_rate(world_db: Database, world: Any, by: list[str]) -> None:
    load(world_db, world)
    first, last = span(local_days(world_db, times_of(world)))
    agree(world_db, world, facts(world), by, first, last)
    # Days before the range are those of earlier visits.
    agree(world_db, world, facts(world), by, min(first + 30 * DAY, last), last)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crowd_that_comes_back_is_counted_by_people(world_db: Database, server: EmbeddedServer, seed: int) -> None:
    now = datetime.now(UTC)
    world = crowd(random.Random(seed), now)
    world["products"] = [
        product | {"brand": brand} for product, brand in zip(world["products"], ["Ann", "", "Bob"], strict=True)
    ]
    with Databases(server).admin(world_db).psycopg() as pg:
        for product in world["products"]:
            pg.execute("update public.products set brand = %s where id = %s", [product["brand"], product["id"]])
    load(world_db, world)
    judged, first, last = facts(world), (now - 200 * DAY).date(), now.date() + DAY
    for by in (
        [],
        ["currency"],
        ["device_type"],
        ["month", "currency"],
        ["brand"],
        ["week", "utm_campaign"],
        ["product_id"],
    ):
        agree(world_db, world, judged, by, first, last)
    agree(world_db, world, judged, ["utm_source"], first + 60 * DAY, last - 40 * DAY)
    # What was before the first day that is published is not known.
    agree(world_db, world, judged, ["month"], first, last, ZONES[0], first + 80 * DAY)
    agree(world_db, world, judged, ["month"], first + 120 * DAY, last, ZONES[0], first + 80 * DAY)
    of = asked(world_db, first, last, ("currency",), networks(world))
    assert any(row["epc_low"] is not None for row in call(world_db, "revenue", of).values()), (
        "bounds of earnings are tried"
    )


@FEW
@given(worlds(), st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3))
def test_as_of_now_is_what_is_published_now_and_as_of_before_is_nothing(
    world_db: Database, world: Any, by: list[str]
) -> None:
    load(world_db, world)
    first, last = span(local_days(world_db, times_of(world)))
    build(world_db, "revenue_daily", first, last)
    of = asked(world_db, first, last, tuple(by), networks(world))
    live, then = call(world_db, "revenue", of), call(world_db, "revenue", of, datetime.now(UTC))
    for cell, row in then.items():
        for name in ("clicks", "conversions", "n", "d", "rate", "conversions_without_amount", "is_mature"):
            assert row[name] == live[cell][name], name
        if live[cell]["currency"] is not None and live[cell]["actual_commission"] is not None:
            assert row["actual_commission"] == live[cell]["actual_commission"]
        assert row["people"] is row["low"] is row["median_seconds"] is None
    assert live.keys() == then.keys()
    assert all(not row["clicks"] for row in call(world_db, "revenue", of, first - DAY).values())


@pytest.mark.parametrize(
    ("call", "says", "hint"),
    [
        (
            "revenue('2026-01-01', '2026-01-02', '{device}')",
            "analytics.revenue has no dimension device",
            "product_id, brand",
        ),
        (
            "revenue('2026-01-01', '2026-01-02', '{brand}', now())",
            "has no dimension brand",
            "utm_medium, utm_campaign.",
        ),
        ("revenue('2026-01-01', '2026-01-02', array['day', null])", "has no dimension NULL", "day, week, month"),
        (
            "revenue('2026-01-02', '2026-01-01')",
            "no range of days begins on 2026-01-02 and ends on 2026-01-01",
            "not before",
        ),
        ("revenue(null, '2026-01-01')", "begins on NULL", "Both days are counted"),
        ("people('2026-01-01', 'infinity')", "ends on infinity", "Both days"),
        (
            "people('2026-01-01', '2026-01-02', '{currency}')",
            "analytics.people has no dimension currency",
            "utm_campaign",
        ),
        ("people('2026-01-01', '2026-01-02', '{\"day; drop\"}')", "no dimension day; drop", "utm_campaign"),
        ("funnel('2026-01-01', '2026-01-02', '{brand}')", "analytics.funnel has no dimension brand", "is_signed_in"),
        ("funnel('2026-01-01', '2026-01-02', '{}', 'none')", "analytics.funnel has no path none", "newcomers"),
    ],
)
def test_what_a_function_does_not_know_is_refused_by_name(world_db: Database, call: str, says: str, hint: str) -> None:
    with world_db.psycopg() as pg, pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
        pg.execute(f"select * from analytics.{call}")
    assert says in (refused.value.diag.message_primary or "")
    assert hint in (refused.value.diag.message_hint or "")
