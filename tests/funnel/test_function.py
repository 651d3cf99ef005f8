"""analytics.funnel against plain Python, on random journeys and on a crowd that comes back."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database
from tests.oracles import funnel
from tests.oracles import report_functions as reports
from tests.oracles.facts import facts, key
from tests.support.crowds import crowd
from tests.support.report_functions import asked, call, differences
from tests.worlds import FEW, build, journeys, load, local_days, numbers, rows_of, span, times_of, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
DIMENSIONS = ["day", "week", "month", "device_type", "landing_page", "utm_source", "utm_medium", "utm_campaign"]
DIMENSIONS += ["is_first_visit", "is_signed_in"]
WINDOW = 30
LATELY = [datetime.now(UTC).replace(microsecond=0) - days * DAY for days in (0, 20, 40)]


def agree(db: Database, world: Any, by: list[list[str]], paths: list[str]) -> None:
    load(db, world)
    days, judged, number_of = local_days(db, times_of(world)), facts(world), numbers(db)
    first, last = span(days)
    build(db, "session_steps", first, last)
    steps = funnel.session_steps(world, judged, days, number_of, WINDOW)
    sessions = {number_of[key(name)]: row for name, row in judged.sessions.items() if key(name) in number_of}
    for names in by:
        of = asked(db, first, last, tuple(names), set())
        for path in paths:
            assert not differences(call(db, "funnel", of, path), reports.funnel(steps, sessions, WINDOW, path, of))


by = st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3)


@FEW
@given(st.one_of(journeys(), worlds(*LATELY)), by, st.sampled_from(list(funnel.PATHS)))
def test_every_step_is_what_plain_python_counts(world_db: Database, world: Any, by: list[str], path: str) -> None:
    # Two orphans' clicks of one instant leave open whose the session was.
    for n, click in enumerate(world["clicks"]):
        if isinstance(click["click_timestamp"], datetime):
            click["click_timestamp"] += n * timedelta(microseconds=7)
    agree(world_db, world, [by], [path])


def test_a_crowd_that_comes_back_is_counted_by_people(world_db: Database) -> None:
    world = crowd(random.Random(3), datetime.now(UTC))
    agree(world_db, world, [[], ["device_type"], ["landing_page", "is_first_visit"], ["week"]], ["all", "newcomers"])


def test_people_of_a_day_a_week_and_a_month_are_those_of_people_active(world_db: Database) -> None:
    world = crowd(random.Random(4), datetime.now(UTC))
    load(world_db, world)
    first, last = span(local_days(world_db, times_of(world)))
    build(world_db, "people_active", first, last)
    published = rows_of(world_db, "analytics.people_active")
    for period in ("day", "week", "month"):
        found = call(world_db, "people", asked(world_db, first, last, (period,), {"awin"}))
        of_period = [
            row for row in published if row["period"] == period and row["people"] and row["period_start"] >= first
        ]
        assert of_period
        for row in of_period:
            said = found[(period, row["period_start"].isoformat()),]
            assert said["people"] == row["people"]
            assert said["first_time"] == row["first_time"]
            assert said["converting_people"] == row["with_conversion"]
