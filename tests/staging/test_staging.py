"""Staging decides what was meant, whatever the tables hold: compared with plain Python on random worlds."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aclue_pipeline.postgres import Database
from tests.oracles.facts import AGENTS, TOLD, Facts, facts, key, session_of
from tests.worlds import FEW, PRODUCTS, USERS, load, numbers, rows_of, worlds

pytestmark = pytest.mark.database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EMPTY: dict[str, list[dict[str, Any]]] = {"products": PRODUCTS, "clicks": [], "sessions": [], "views": [], "swipes": []}
CLICK: dict[str, Any] = {
    **{"user_id": USERS[0], "anonymous_id": None, "product_id": PRODUCTS[0]["id"], "session_id": "s1"},
    **{"source_page": "search", "affiliate_network": "awin", "affiliate_url": "https://shop.example/"},
    **dict.fromkeys(("device_type", "user_agent", "utm_source", "utm_medium", "utm_campaign", "order_id")),
    **dict.fromkeys(("is_converted", "conversion_timestamp", "expected_commission", "actual_commission")),
}


def click(at: datetime, **columns: Any) -> dict[str, Any]:
    return CLICK | {"id": uuid.uuid4(), "click_timestamp": at} | columns


@FEW
@given(worlds(NOON))
def test_every_click_is_judged_as_the_rules_say_and_inherits_what_was_reported_for_its_repeats(
    world_db: Database, world: Any
) -> None:
    load(world_db, world)
    columns = {
        "at": "clicked_at",
        "kept": "kept_click_id",
        "expected": "expected_commission",
        "actual": "actual_commission",
        "counted": "counted_commission",
    } | {
        name: name
        for name in (
            *("verdict", "product_id", "currency", "affiliate_network", "source_page", "device_type", "utm_source"),
            *(
                "utm_medium",
                "utm_campaign",
                "is_converted",
                "converted_at",
                "counted_as_converted",
                "counted_converted_at",
            ),
        )
    }
    judged = facts(world)
    found = {row["click_id"]: row for row in rows_of(world_db, "staging.click_facts")}
    assert {
        id_: {name: row[column] for name, column in columns.items()}
        | {"is_machine": row["machine_pattern"] is not None}
        for id_, row in found.items()
    } == {one["id"]: {name: one[name] for name in (*columns, "is_machine")} for one in judged.clicks}
    assert _alike([(row["person_number"], judged_by_id(judged)[id_]["person"]) for id_, row in found.items()])
    assert _alike([(row["order_key"], judged_by_id(judged)[id_]["order"]) for id_, row in found.items()])


def judged_by_id(judged: Facts) -> dict[Any, dict[str, Any]]:
    return {one["id"]: one for one in judged.clicks}


def _alike(pairs: list[tuple[Any, Any]]) -> bool:
    """Whether the two name the same things, each in its own words."""
    pairs = [(str(one), str(other)) for one, other in pairs]
    return len({one for one, _ in pairs}) == len({other for _, other in pairs}) == len(set(pairs))


@FEW
@given(st.lists(st.integers(0, 40), max_size=25), st.sampled_from([250, 500, 1000]))
def test_in_a_run_of_clicks_only_those_are_kept_that_follow_a_kept_one_by_more_than_two_seconds(
    world_db: Database, steps: list[int], milliseconds: int
) -> None:
    made = [click(NOON + timedelta(milliseconds=milliseconds * step)) for step in steps]
    load(world_db, EMPTY | {"clicks": made})
    verdicts = {row["click_id"]: row["verdict"] for row in rows_of(world_db, "staging.click_facts")}
    kept = sorted(one["click_timestamp"] for one in made if verdicts[one["id"]] == "valid")
    assert all(later - earlier > timedelta(seconds=2) for earlier, later in itertools.pairwise(kept))
    assert verdicts == {one["id"]: one["verdict"] for one in facts(EMPTY | {"clicks": made}).clicks}


def test_of_800_clicks_a_second_apart_267_are_valid(world_db: Database) -> None:
    run = [click(NOON + timedelta(seconds=n)) for n in range(800)]
    load(world_db, EMPTY | {"clicks": run})
    valid = rows_of(world_db, "staging.click_facts", "select * from {} where verdict = 'valid'")
    assert len(valid) == 267


def test_the_apps_own_clients_are_people_and_crawlers_are_not(world_db: Database) -> None:
    made = [click(NOON + timedelta(minutes=n), user_agent=agent) for n, agent in enumerate(AGENTS)]
    load(world_db, EMPTY | {"clicks": made})
    patterns = {row["click_id"]: row["machine_pattern"] for row in rows_of(world_db, "staging.click_facts")}
    assert {one["user_agent"]: patterns[one["id"]] is not None for one in made} == AGENTS


@FEW
@given(worlds(NOON))
def test_every_session_lands_where_its_row_or_its_first_events_say(world_db: Database, world: Any) -> None:
    load(world_db, world)
    judged, number = facts(world), numbers(world_db)
    names = (
        *("landed_at", "started_at", "active_until", "landing_page", "device_type", "utm_source", "utm_medium"),
        *("utm_campaign", "is_signed_in", "is_newcomer", "registered_at", "is_machine", "is_orphan"),
        *("has_converted", *TOLD),
    )
    found = {row["session_number"]: row for row in rows_of(world_db, "staging.session_facts")}
    assert {one: {name: row[name] for name in names} for one, row in found.items()} == {
        number[key(name)]: {column: session[column] for column in names} for name, session in judged.sessions.items()
    }


@FEW
@given(worlds(NOON))
def test_views_and_swipes_are_what_plain_python_makes_of_them(world_db: Database, world: Any) -> None:
    load(world_db, world)
    judged, number = facts(world), numbers(world_db)
    assert {
        row["view_id"]: (row["viewed_at"], row["is_machine"], row["has_clicked_affiliate"], row["view_source"])
        for row in rows_of(world_db, "staging.views")
    } == {
        view["id"]: (view["at"], view["is_machine"], bool(view["is_clicked"]), view["view_source"])
        for view in judged.views
    }
    by_id = {swipe["id"]: swipe for swipe in world["swipes"]}
    for row in rows_of(world_db, "staging.swipes"):
        name = session_of(by_id[row["swipe_id"]], judged.sessions, number)
        assert row["session_number"] == (None if name is None else number[key(name)])


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
    assert len(rows_of(world_db, "staging.swipes")) == len(once)
