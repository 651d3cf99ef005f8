"""The funnel against one that tries every combination, on random worlds full of ties; positions against plain counting."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from tests.oracles import funnel
from tests.oracles.numbers import day
from tests.support.catalogs import CATALOG
from tests.worlds import FEW, USERS, ZONE, load, pieces_agree, published, span, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
TABLES = ["session_funnel_daily", "ctr_by_position_daily"]


@FEW
@given(worlds())
def test_every_position_is_what_plain_python_counts(world_db: Database, world: Any) -> None:
    load(world_db, world)
    expected = funnel.ctr_by_position_daily(world, ZONE)
    assert published(world_db, "ctr_by_position_daily", *span(world)) == expected


@FEW
@given(worlds(), st.sampled_from([1, 30]))
def test_every_session_goes_as_far_as_any_combination_of_its_events_leads(
    world_db: Database, world: Any, window: int
) -> None:
    load(world_db, world)
    expected = funnel.session_funnel_daily(world, ZONE, window)
    assert published(world_db, "session_funnel_daily", *span(world), funnel_window_days=window) == expected


@st.composite
def journeys(draw: st.DrawFn) -> Any:
    """Worlds in which sessions get far: one user, every event close by, people only."""
    world = draw(worlds(MIDNIGHT))
    for session in world["sessions"]:
        session |= {"user_id": USERS[0], "ended_at": None, "last_activity_at": None, "duration_seconds": None}
    for swipe in world["swipes"]:
        swipe["user_id"] = USERS[0]
    for view in world["views"]:
        view["interaction_type"] = "detail_view"
    for click in world["clicks"]:
        click |= {"user_agent": None, "is_converted": True, "user_id": None, "anonymous_id": str(click["id"])}
    return world


@FEW
@given(journeys(), st.sampled_from([1, 30]))
def test_sessions_that_get_far_get_as_far_as_they_can(world_db: Database, world: Any, window: int) -> None:
    load(world_db, world)
    rows = published(world_db, "session_funnel_daily", *span(world), funnel_window_days=window)
    assert rows == funnel.session_funnel_daily(world, ZONE, window)
    for row in rows.values():
        counts = [row[name] for name in funnel.COUNTS]
        assert counts == sorted(counts, reverse=True)


@FEW
@given(worlds())
def test_every_session_is_in_one_day_or_in_a_named_bucket(world_db: Database, world: Any) -> None:
    load(world_db, world)
    rows = published(world_db, "session_funnel_daily", *span(world)).values()
    undated = sum(session["started_at"] is None for session in world["sessions"])
    assert sum(row["sessions"] + row["bot_sessions"] for row in rows) + undated == len(world["sessions"])
    assert sum(row["orphan_sessions"] for row in rows) == len(funnel.orphans(world))


@FEW
@given(st.one_of(journeys(), worlds()), st.integers(1, 3), st.sampled_from(TABLES))
def test_a_range_of_any_size_gives_the_same_days_and_a_second_run_writes_nothing(
    world_db: Database, world: Any, size: int, name: str
) -> None:
    assert pieces_agree(world_db, name, world, size)


@FEW
@given(journeys())
def test_a_late_conversion_restates_at_most_the_day_on_which_its_session_began(world_db: Database, world: Any) -> None:
    sold = [click for click in world["clicks"] if click["click_timestamp"]]
    if not sold:
        return
    late = sold[0]
    late["is_converted"] = False
    load(world_db, world)
    first, last = span(world)
    for name in TABLES:
        published(world_db, name, first, last)
    late |= {
        "is_converted": True,
        "conversion_timestamp": late["click_timestamp"] + 3 * DAY,
        "actual_commission": Decimal("0.07"),
    }
    load(world_db, world)
    began = [session["started_at"] for session in world["sessions"] if session["session_id"] == late["session_id"]]
    may = {day(at, ZONE) for at in began if at is not None}
    results = derived.replace_days(world_db, CATALOG, CATALOG.table("session_funnel_daily"), first, last)
    assert {result.day for result in results if result.changed} <= may
    shown = derived.replace_days(world_db, CATALOG, CATALOG.table("ctr_by_position_daily"), first, last)
    assert not [result for result in shown if result.changed], "what was shown does not depend on what was sold"
