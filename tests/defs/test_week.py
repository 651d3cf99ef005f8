"""A week of operation on real databases, as the pipeline's own role, by a moved clock: what is moved, and what is not, benchmarks/week.py
says."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from aclue_pipeline.postgres import script
from aclue_pipeline.postgres.server import EmbeddedServer
from benchmarks.week import DAY, Grown, Week, week
from tests.alerts.conftest import Receiver
from tests.conftest import Databases
from tests.health.test_history import state
from tests.support.pipeline import pipelines_own

pytestmark = [pytest.mark.database, pytest.mark.slow]

#: What was due by night, and what follows noon: an observation; what it starts; what that makes dirty.
MORNING, NOON = "06:01", ("12:16", "12:18", "12:24")

#: Runs that no schedule starts, by the day of the week: the first versions of the sources; facts and profiles after what the app wrote, in
#: one run; and the published days that a sale changed.
FOLLOW = {0: 1, 1: 1, 2: 1, 4: 2}

#: Of the event log: what the timetable may write in a day on which nothing changes, and rows that a purge leaves of it.
BOUND, LEFT = Grown(8_000, 12_000_000), 150

#: What befalls the app and its database, by the alert that it makes, and how it ends. The third is found by the hour only.
TROUBLES = {
    "freshness:public.swipe_interactions": (
        "update public.swipe_interactions set swipe_timestamp = swipe_timestamp - interval '9 days'",
        "update public.swipe_interactions set swipe_timestamp = swipe_timestamp + interval '9 days'",
    ),
    "contract:public.products": (
        "alter table public.products rename column title to name",
        "alter table public.products rename column name to title",
    ),
    "drift:schema": (
        "alter table public.product_views alter column view_source set default 'swipe'",
        "alter table public.product_views alter column view_source drop default",
    ),
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with closing(Receiver()) as receiver:
        yield receiver


@pytest.fixture
def lived(server: EmbeddedServer, databases: Databases, receiver: Receiver, tmp_path: Path) -> Iterator[Week]:
    dagster = databases.copy("supabase")
    with (
        pipelines_own(server) as seen,
        week(seen.pipeline, seen.admin, dagster, tmp_path, ACLUE_ALERT_URLS=receiver.url()) as lived,
    ):
        lived.stop("daily_verification")  # takes seconds, and each of its criteria has tests of its own
        yield lived


def test_in_a_week_each_day_is_computed_once_history_ends_growing_and_a_trouble_is_told_once_and_its_end_once(
    lived: Week, receiver: Receiver
) -> None:
    for n, day in enumerate(lived.days):
        before = lived.followed()
        if day == lived.days[-1]:
            _only_purges(lived, day)
        lived.live(day, MORNING, *(NOON if n in FOLLOW else ()))
        assert lived.followed() - before == FOLLOW.get(n, 0), f"day {n}"
    lived.holds()
    assert receiver.taken() == [], "nothing is told of a healthy week"
    with lived.database.psycopg() as pg:
        assert pg.execute("select count(*) from public.user_preferences").fetchone() == (1,)
    rows, size = lived.at_rest()
    assert rows < BOUND.rows
    assert size < BOUND.bytes
    assert lived.left().rows < LEFT

    today = lived.days[-1] + DAY
    lived.tick(today, MORNING)
    _does(lived, *(begins for begins, _ in TROUBLES.values()))
    lived.tick(today, "08:01", "08:06", "09:36")
    _does(lived, *(ends for _, ends in TROUBLES.values()))
    lived.tick(today, "10:41", "10:46", "11:02", "12:03")
    told = re.findall(r"^[✗!✓] (\w+)(?:, \w+)?: (\S+?)[:,] ", "\n".join(receiver.taken()), re.MULTILINE)
    planted = [*TROUBLES, "run:check_sources", "run:refresh_preferences"]  # the jobs that a contract stops
    assert Counter(told) == {(what, key): 1 for key in planted for what in ("new", "over")}


def _only_purges(lived: Week, day: date) -> None:
    """From this minute to the next but the purge nothing is due, and whatever is known of assets stays."""
    lived.tick(day, "05:39")
    known, rows = state(lived.daemon.instance), lived.events().rows
    lived.tick(day, "05:41")
    assert state(lived.daemon.instance) == known
    assert lived.events().rows < rows


def _does(lived: Week, *statements: str) -> None:
    with lived.admin.begin() as connection:
        script(connection, ";".join(statements))
