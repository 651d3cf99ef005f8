"""Staging decides what was meant, whatever the tables hold: compared with plain Python on random worlds."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database
from tests.oracles.clicks import LONGEST_RUN, verdicts
from tests.oracles.funnel import active_until, orphans, session_of
from tests.oracles.views import followed, kept_views
from tests.worlds import FEW, PRODUCTS, USERS, clicks, load, near, rows_of, worlds

pytestmark = pytest.mark.database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def click(at: datetime, **columns: Any) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "user_id": USERS[0],
        "product_id": PRODUCTS[0]["id"],
        "session_id": "s1",
        "click_timestamp": at,
        "source_page": "search",
        "affiliate_network": "awin",
        "affiliate_url": "https://shop.example/",
        "user_agent": None,
    } | columns


def verdicts_of(db: Database) -> dict[Any, str]:
    return {row["click_id"]: row["verdict"] for row in rows_of(db, "staging.clicks", "select * from {}")}


@FEW
@given(st.lists(clicks(near(NOON)), max_size=14))
def test_every_click_has_the_verdict_that_the_rule_gives_it(world_db: Database, made: list[dict[str, Any]]) -> None:
    load(world_db, {"clicks": made})
    assert verdicts_of(world_db) == verdicts(made)


@FEW
@given(st.lists(st.integers(0, 40), max_size=25), st.sampled_from([250, 500, 1000]))
def test_in_a_run_of_clicks_only_those_are_kept_that_follow_a_kept_one_by_more_than_two_seconds(
    world_db: Database, steps: list[int], milliseconds: int
) -> None:
    made = [click(NOON + timedelta(milliseconds=milliseconds * step)) for step in steps]
    load(world_db, {"clicks": made})
    found = verdicts_of(world_db)
    assert found == verdicts(made)
    kept = sorted(one["click_timestamp"] for one in made if found[one["id"]] == "valid")
    assert all(later - earlier > timedelta(seconds=2) for earlier, later in itertools.pairwise(kept))


def test_nobody_means_one_product_more_than_a_hundred_times_without_a_pause(world_db: Database) -> None:
    run = [click(NOON + timedelta(seconds=n)) for n in range(LONGEST_RUN + 30)]
    after = click(NOON + timedelta(seconds=LONGEST_RUN + 32, microseconds=1))
    load(world_db, {"clicks": [*run, after]})
    found = verdicts_of(world_db)
    assert [n for n, one in enumerate(run) if found[one["id"]] == "valid"] == list(range(0, LONGEST_RUN, 3))
    assert found[after["id"]] == "valid"
    assert found == verdicts([*run, after])


@FEW
@given(worlds(NOON))
def test_views_swipes_and_sessions_are_what_plain_python_makes_of_them(world_db: Database, world: Any) -> None:
    load(world_db, world)
    verdict = verdicts(world["clicks"])
    views = rows_of(world_db, "staging.views", "select * from {}")
    assert {row["view_id"]: row["has_clicked_affiliate"] for row in views} == {
        view["id"]: followed(view, world, verdict) for view in kept_views(world["views"])
    }
    swipes = rows_of(world_db, "staging.swipes", "select * from {}")
    by_id = {swipe["id"]: swipe for swipe in world["swipes"]}
    assert {row["swipe_id"]: row["browser_session_id"] for row in swipes} == {
        row["swipe_id"]: session_of(by_id[row["swipe_id"]], world["sessions"]) for row in swipes
    }
    recorded = rows_of(world_db, "staging.sessions", "select * from {} where not is_orphan")
    assert {row["session_id"]: row["active_until"] for row in recorded} == {
        session["session_id"]: active_until(session) for session in world["sessions"]
    }
    lost = rows_of(world_db, "staging.sessions", "select * from {} where is_orphan")
    assert sorted((row["session_id"], row["started_at"]) for row in lost) == sorted(
        (orphan["session_id"], orphan["started_at"]) for orphan in orphans(world)
    )


@FEW
@given(worlds(NOON))
def test_a_swipe_delivered_again_counts_once(world_db: Database, world: Any) -> None:
    load(world_db, world)
    told = ("swipe_timestamp", "user_id", "product_id", "swipe_direction")
    once = {
        tuple(swipe[name] for name in told)
        if swipe["swipe_timestamp"] is not None and swipe["user_id"] is not None
        else swipe["id"]
        for swipe in world["swipes"]
    }
    assert len(rows_of(world_db, "staging.swipes", "select * from {}")) == len(once)


@FEW
@given(worlds(NOON))
def test_everybody_is_one_person(world_db: Database, world: Any) -> None:
    load(world_db, world)
    anonymous = {session["session_id"]: session["anonymous_id"] for session in world["sessions"]}
    seen = {str(row["user_id"] or row["anonymous_id"] or row["session_id"]) for row in world["clicks"]}
    seen |= {str(row["user_id"] or row["anonymous_id"] or row["session_id"]) for row in world["sessions"]}
    seen |= {
        str(row["user_id"] or anonymous.get(row["session_id"]) or row["session_id"])
        for row in kept_views(world["views"])
    }
    seen |= {str(row["user_id"]) for row in world["swipes"] if row["user_id"] is not None}
    assert {row["person_id"] for row in rows_of(world_db, "staging.people", "select * from {}")} == seen
