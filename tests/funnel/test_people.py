"""Who was here, who came back and what cohorts brought, against plain Python, on random worlds of weeks and months."""

import random
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from tests.oracles import people
from tests.oracles.facts import AGENTS, facts
from tests.support.catalogs import CATALOG
from tests.worlds import (
    FEW,
    PRODUCTS,
    USERS,
    ZONE,
    build,
    change,
    load,
    local_days,
    published,
    rows_of,
    times_of,
    worlds,
)

pytestmark = pytest.mark.database

DAY = timedelta(days=1)

#: Weeks and months turn within the nights in which London's clocks change; a Sunday is a month's last day; one year ends.
TURNS = [
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 23, tzinfo=UTC),
    datetime(2026, 3, 31, 23, tzinfo=UTC),
    datetime(2026, 5, 31, 23, tzinfo=UTC),
]
NOW = datetime(2026, 6, 17, tzinfo=UTC)
WHOLE = ("retention_weekly", "cohort_value_monthly")
ZONES = [
    "Africa/Cairo", "Africa/Casablanca", "America/Havana", "America/New_York", "America/Vancouver",
    "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/London", "Pacific/Auckland", "UTC",
]  # fmt: skip


def crowd(dice: random.Random, size: int = 60) -> dict[str, list[dict[str, Any]]]:
    """Visitors who come on nights in which a period turns, some of whom sign in, buy, are machines, or are known from their events only."""
    sessions, clicks, views = [], [], []

    def at() -> datetime:
        return dice.choice(TURNS) + timedelta(
            hours=dice.choice([0, 0, 1, -1, 24, -24]), seconds=dice.choice([-1, 0, 0, 1])
        )

    for number in range(size):
        visitor = f"v{dice.randrange(1 + size // 2)}"
        name = f"{visitor}-{number}"
        user = dice.choice([None, None, None, None, *USERS])
        campaign = {
            "utm_source": dice.choice(["news", "news", "news", "ads", None]),
            "utm_medium": None,
            "utm_campaign": dice.choice(["spring", "spring", None]),
        }
        agent = dice.choice([None, None, None, *AGENTS])
        begun: Any = dice.choice([at(), at(), at(), None])
        if dice.random() < 0.8:
            sessions.append(
                {
                    "session_id": name,
                    "user_id": user,
                    "anonymous_id": dice.choice([visitor, visitor, None]),
                    "started_at": begun,
                }
                | {
                    "landing_page": "/",
                    "device_type": None,
                    "has_registered": False,
                    "has_converted": None,
                    "registration_timestamp": None,
                    **campaign,
                }
                | dict.fromkeys(("ended_at", "last_activity_at", "duration_seconds", "is_bounce"))
                | dict.fromkeys(("products_viewed", "total_swipes", "affiliate_clicks"))
            )
        for _ in range(dice.choice([0, 0, 1, 2])):
            clicked: Any = dice.choice([at(), at(), "infinity"])
            clicks.append(
                {"id": uuid.UUID(int=dice.getrandbits(128)), "user_id": dice.choice([None, user])}
                | {
                    "anonymous_id": dice.choice([visitor, visitor, None]),
                    "session_id": dice.choice([name, name, name, ""]),
                }
                | {"product_id": dice.choice(PRODUCTS)["id"], "click_timestamp": clicked, "user_agent": agent}
                | {
                    "source_page": "search",
                    "device_type": None,
                    "affiliate_network": "awin",
                    "affiliate_url": "https://shop.example/",
                }
                | {"is_converted": dice.choice([True, False, None]), "conversion_timestamp": None, "order_id": None}
                | {
                    "expected_commission": None,
                    "actual_commission": dice.choice([None, Decimal("1.25"), Decimal("0.07")]),
                }
                | campaign
            )
        if dice.random() < 0.2:
            views.append(
                {
                    "id": uuid.UUID(int=dice.getrandbits(128)),
                    "product_id": PRODUCTS[0]["id"],
                    "user_id": dice.choice([None, USERS[0]]),
                }
                | {"session_id": name, "view_timestamp": at(), "interaction_type": "detail_view", "device_type": None}
                | dict.fromkeys(("view_source", "view_position", "has_clicked_affiliate"))
            )
    return {"products": PRODUCTS, "sessions": sessions, "clicks": clicks, "views": views, "swipes": []}


def whole(db: Database, name: str, now: datetime) -> dict[tuple[Any, ...], Any]:
    """The table replaced as at a time, its rows by their grain, bookkeeping left out."""
    table = CATALOG.table(name)
    derived.replace_whole(db, CATALOG, table, parameters={"now": now})
    values = [column.name for column in table.columns if not column.bookkeeping and column.name not in table.grain]
    return {tuple(row[n] for n in table.grain): {n: row[n] for n in values} for row in rows_of(db, table.key)}


def agree(db: Database, world: Any, zone: str = ZONE, now: datetime = NOW) -> None:
    load(db, world)
    days, judged = local_days(db, [*times_of(world), now], zone), facts(world)
    found = sorted(days.values())
    begin, last = max(found[0] - DAY, date(2024, 1, 1)), found[-1] + 40 * DAY
    active = people.people_active(judged, days, last)
    assert published(db, "people_active", begin, last) == {
        cell: row for cell, row in active.items() if cell[0] >= begin
    }
    assert whole(db, "retention_weekly", now) == people.retention_weekly(judged, days, days[now])
    assert whole(db, "cohort_value_monthly", now) == people.cohort_value_monthly(judged, days, days[now])


@settings(FEW, max_examples=5)
@given(st.integers(), st.integers(0, 80))
def test_crowds_are_counted_as_plain_python_counts_them(world_db: Database, seed: int, size: int) -> None:
    agree(world_db, crowd(random.Random(seed), size))


@settings(FEW, max_examples=4)
@given(worlds(*TURNS))
def test_worlds_in_which_anything_may_be_missing_are_counted_alike(world_db: Database, world: Any) -> None:
    agree(world_db, world)


# --- what a change reaches ----------------------------------------------------------------------------------------------


def _changes(dice: random.Random, world: dict[str, list[dict[str, Any]]]) -> None:
    """One thing that happens to an event after it was first seen, or one more event."""
    session, click = dice.choice(world["sessions"]), dice.choice(world["clicks"])
    other = dice.choice(world["sessions"])["started_at"]
    match dice.choice(["sign in", "earlier", "session moves", "machine", "moves", "sells", "new", "new"]):
        case "sign in":
            session["user_id"] = dice.choice(USERS)
        case "earlier":
            session["started_at"] = TURNS[0] - DAY
        case "session moves":
            session["started_at"] = other
        case "machine":
            click["user_agent"] = dice.choice(["curl/8.5", None])
        case "moves":
            click["click_timestamp"] = dice.choice(TURNS)
        case "sells":
            click |= {"is_converted": True, "actual_commission": Decimal("0.31")}
        case "new":
            [added] = crowd(dice, 1)["sessions"] or [session]
            world["sessions"].append(added | {"session_id": f"new {added['session_id']}"})


def _reaches(db: Database, seed: int) -> set[date]:
    """The days that one change moves, after it was seen that they are marked and that whole tables know why they moved."""
    dice = random.Random(seed)
    world = crowd(dice, 30)
    load(db, world)
    first, last = TURNS[0].date() - 3 * DAY, TURNS[-1].date() + 31 * DAY
    build(db, "people_active", first, last)
    for name in WHOLE:
        whole(db, name, NOW)
    _changes(dice, world)
    change(db, world)
    marked = {row["day"] for row in rows_of(db, "pipeline.dirty") if row["table_name"] == "analytics.people_active"}
    moved = {result.day for result in build(db, "people_active", first, last) if result.changed}
    assert moved <= marked
    for name in WHOLE:
        whole(db, name, NOW)
    assert not [row for row in rows_of(db, "analytics.restatements") if row["causes"] == ["unexplained"]]
    return moved


@settings(FEW, max_examples=3)
@given(st.integers())
def test_a_change_marks_every_day_on_which_it_changes_who_was_there_or_new(world_db: Database, seed: int) -> None:
    _reaches(world_db, seed)


@pytest.mark.slow
def test_twenty_changes_mark_every_day_that_they_move(world_db: Database) -> None:
    moved = [_reaches(world_db, seed) for seed in range(20)]
    assert sum(map(bool, moved)) > 10, "most changes move something"


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES, indirect=True)
def test_weeks_and_months_are_those_of_the_zone(world_db: Database, zone: str) -> None:
    for seed in range(3):
        agree(world_db, crowd(random.Random(seed)), zone)
