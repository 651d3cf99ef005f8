"""The funnel against one that tries every combination, on random worlds full of ties; positions against plain counting."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline import catalog
from aclue_pipeline.postgres import Database
from tests.oracles import funnel
from tests.worlds import AUTUMN, FEW, SPRING, USERS, ZONE, instants, load, near, of_days, published, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)


@pytest.mark.parametrize("around", [SPRING, AUTUMN], ids=["23 hours", "25 hours"])
def test_every_position_is_what_plain_python_counts(world_db: Database, around: date) -> None:
    first, last = around - DAY, around + DAY

    @FEW
    @given(worlds())
    def counts(world: Any) -> None:
        load(world_db, world)
        expected = of_days(funnel.ctr_by_position_daily(world, ZONE), first, last)
        assert published(world_db, "ctr_by_position_daily", first, last) == expected

    counts()


#: Either all around one midnight, where everything ties, or anywhere.
MIDNIGHT = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)


@FEW
@given(st.one_of(worlds(near(MIDNIGHT)), worlds(instants)), st.sampled_from([1, 30]))
def test_every_session_goes_as_far_as_any_combination_of_its_events_leads(
    world_db: Database, world: Any, window: int
) -> None:
    load(world_db, world)
    first, last = SPRING - 2 * DAY, AUTUMN + 2 * DAY
    expected = of_days(funnel.session_funnel_daily(world, ZONE, window), first, last)
    assert published(world_db, "session_funnel_daily", first, last, funnel_window_days=window) == expected


@st.composite
def journeys(draw: st.DrawFn) -> Any:
    """Worlds in which sessions get far: one user's session, one product, every event close by."""
    world = draw(worlds(near(MIDNIGHT)))
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
    first, last = AUTUMN - 2 * DAY, AUTUMN + 2 * DAY
    expected = of_days(funnel.session_funnel_daily(world, ZONE, window), first, last)
    assert published(world_db, "session_funnel_daily", first, last, funnel_window_days=window) == expected


@FEW
@given(journeys())
def test_steps_never_grow_and_days_do_not_depend_on_the_range(world_db: Database, world: Any) -> None:
    load(world_db, world)
    rows = published(world_db, "session_funnel_daily", AUTUMN - DAY, AUTUMN + DAY)
    for row in rows.values():
        counts = [row[name] for name in funnel.COUNTS]
        assert counts == sorted(counts, reverse=True)
    for n in (-1, 0, 1):
        day = AUTUMN + n * DAY
        (alone,) = catalog.replace_days(world_db, catalog.table("session_funnel_daily"), day, day)
        assert not alone.changed
