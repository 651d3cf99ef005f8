"""The funnel against one that tries every combination, on random worlds full of ties; positions against plain counting."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database
from tests.oracles import funnel
from tests.oracles.facts import facts, usable
from tests.worlds import (
    FEW,
    HOSTILE,
    build,
    change,
    journeys,
    load,
    local_days,
    numbers,
    pieces_agree,
    published,
    recommending,
    span,
    times_of,
    worlds,
)

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
TABLES = [
    "session_steps",
    "session_funnel_daily",
    "ctr_by_position_daily",
    "session_quality_daily",
    "recommendation_performance_daily",
]


def agree(db: Database, world: Any, window: int = 30) -> None:
    """Load, build, and compare the tables with what plain Python makes of the world."""
    load(db, world)
    days, judged = local_days(db, times_of(world)), facts(world)
    assert published(db, "ctr_by_position_daily", *span(days)) == funnel.ctr_by_position_daily(judged, days)
    steps = funnel.session_steps(world, judged, days, numbers(db), window)
    found = published(db, "session_funnel_daily", *span(days), funnel_window_days=window)
    assert found == funnel.session_funnel_daily(steps)
    found = published(db, "recommendation_performance_daily", *span(days), funnel_window_days=window)
    assert found == funnel.recommendation_performance_daily(world, judged, days, window)
    found = published(db, "session_quality_daily", *span(days), funnel_window_days=window)
    assert found == funnel.session_quality_daily(world, judged, days, numbers(db), window)
    found = published(db, "session_steps", *span(days), funnel_window_days=window)
    if _somebody_was_first(world):
        for row in (*steps.values(), *found.values()):
            row["is_first_visit"] = None
    assert found == steps


def _somebody_was_first(world: Any) -> bool:
    """Whether two clicks of one instant in one session leave open whose an orphan was."""
    clicked = [(click["session_id"], click["click_timestamp"]) for click in world["clicks"]]
    return len(set(clicked)) < len(clicked)


@pytest.mark.slow
@FEW
@given(worlds(), st.sampled_from([1, 30]))
def test_every_session_goes_as_far_as_any_combination_of_its_events_leads(
    world_db: Database, world: Any, window: int
) -> None:
    agree(world_db, world, window)


@FEW
@given(journeys(), st.sampled_from([1, 30]))
@pytest.mark.slow
def test_sessions_that_get_far_get_as_far_as_they_can(world_db: Database, world: Any, window: int) -> None:
    agree(world_db, world, window)


@FEW
@given(recommending(), st.sampled_from([1, 30]))
def test_what_became_of_recommendations_is_what_their_views_clicks_and_reactions_say(
    world_db: Database, world: Any, window: int
) -> None:
    load(world_db, world)
    days, judged = local_days(world_db, times_of(world)), facts(world)
    found = published(world_db, "recommendation_performance_daily", *span(days), funnel_window_days=window)
    assert found == funnel.recommendation_performance_daily(world, judged, days, window)


@FEW
@given(journeys())
def test_no_step_holds_more_sessions_than_the_one_before(world_db: Database, world: Any) -> None:
    load(world_db, world)
    days = span(local_days(world_db, times_of(world)))
    rows = published(world_db, "session_funnel_daily", *days)
    for (*cell, step), row in rows.items():
        if step > 1:
            before = rows[*cell, step - 1]
            for column in ("sessions", "machine_sessions", "orphan_sessions"):
                assert row[column] <= before[column]


@FEW
@given(worlds())
def test_every_session_is_in_one_day_or_in_a_named_bucket(world_db: Database, world: Any) -> None:
    load(world_db, world)
    rows = published(world_db, "session_funnel_daily", *span(local_days(world_db, times_of(world))))
    landed = [row for (*_, path, step), row in rows.items() if (path, step) == ("all", 1)]
    sessions = facts(world).sessions.values()
    undated = sum(session["landed_at"] is None for session in sessions)
    counted = sum(row["sessions"] + row["machine_sessions"] + row["orphan_sessions"] for row in landed)
    assert counted + undated == len(sessions)


@pytest.mark.slow
@FEW
@given(worlds())
def test_a_row_that_no_key_could_hold_stops_no_day(world_db: Database, world: Any) -> None:
    for row in (*world["clicks"], *world["sessions"], *world["views"]):
        names = ("device_type", "landing_page", "view_source", "source_page", "affiliate_network")
        row |= {name: HOSTILE for name in row if name.startswith("utm_") or name in names}
        row["session_id"] = f"{row['session_id']} {'long ' * 100}"
    agree(world_db, world)


@pytest.mark.slow
@FEW
@given(st.one_of(journeys(), worlds()), st.integers(1, 3), st.sampled_from(TABLES))
def test_a_range_of_any_size_gives_the_same_days_and_a_second_run_writes_nothing(
    world_db: Database, world: Any, size: int, name: str
) -> None:
    assert pieces_agree(world_db, name, world, size)


@FEW
@given(journeys())
@pytest.mark.slow
def test_a_late_conversion_restates_at_most_the_day_on_which_its_session_landed(world_db: Database, world: Any) -> None:
    sold = [click for click in world["clicks"] if usable(click["click_timestamp"])]
    if not sold:
        return
    late = sold[0]
    late["is_converted"] = False
    load(world_db, world)
    first, last = span(local_days(world_db, times_of(world)))
    for name in TABLES:
        build(world_db, name, first, last)
    late |= {
        "is_converted": True,
        "conversion_timestamp": late["click_timestamp"] + 3 * DAY,
        "actual_commission": Decimal("0.07"),
    }
    change(world_db, world)
    landed = facts(world).sessions[late["session_id"]]["landed_at"]
    may = set() if landed is None else set(local_days(world_db, [landed]).values())
    for name in ("session_steps", "session_funnel_daily", "session_quality_daily"):
        assert {result.day for result in build(world_db, name, first, last) if result.changed} <= may
    shown = build(world_db, "ctr_by_position_daily", first, last)
    assert not [result for result in shown if result.changed], "what was shown does not depend on what was sold"
