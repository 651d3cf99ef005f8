"""Whom to tell what, without a database: a week of sweeps, flapping, and that nothing of a person can be in what is told."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclue_pipeline.alerts.alert import LENGTH, Judged, clean, judged, numbers_only, unjudged, well
from aclue_pipeline.alerts.decide import GONE, Notice, State, due, kept, message, noted, updated
from aclue_pipeline.alerts.decide import LENGTH as ROOM
from aclue_pipeline.checks import Judgement

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STEP = timedelta(minutes=5)


def said(**outcomes: str) -> Judged:
    """Of checks of `clicks`: passed, warn, error, or not judged."""
    return judged(
        Judgement(
            check,
            "clicks",
            one if one in ("passed", "not judged") else "failed",
            one if one == "warn" else "error",
            "is wrong",
        )
        for check, one in outcomes.items()
    )  # type: ignore[arg-type]


def week(red_at: list[bool], key: str = "late") -> list[tuple[int, str]]:
    """What an address hears of one trouble, sweep by sweep."""
    states: dict[str, State] = {}
    heard = []
    for place, red in enumerate(red_at):
        now = NOW + place * STEP
        states = updated(states, "room", said(**{key: "error" if red else "passed"}), now)
        states = kept(states, ["team"], now)
        notices = due(states.values(), "team", now)
        heard += [(place, notice.what) for notice in notices]
        states = noted(states, "team", notices, now)
    return heard


WEEK = 7 * 24 * 12


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 300)), min_size=1, max_size=60))
def test_whatever_flaps_a_beginning_comes_before_an_end_and_every_end_after_a_quiet_time(
    runs: list[tuple[bool, int]],
) -> None:
    red_at = [red for red, count in runs for _ in range(count)][: WEEK // 2]
    heard = [what for _, what in week([*red_at, *[False] * 110]) if what != "still"]
    assert heard == ["new", "over"] * (len(heard) // 2)
    assert heard or not any(map(all, pairwise(red_at)))
    assert not heard or red_at.count(True) > 1


@pytest.mark.parametrize("period", [1, 2, 6, 12, 48, 97, 200])
def test_however_it_flaps_nobody_hears_more_than_three_messages_a_day(period: int) -> None:
    heard = week([place // period % 2 == 0 for place in range(WEEK)])
    assert len(heard) <= 21
    assert heard[0] == (1 if period > 1 else 2, "new")


def test_what_is_found_once_is_told_to_nobody() -> None:
    assert week([False, True, *[False] * 500, True, False]) == []


def test_what_comes_back_is_told_although_somebody_took_on_the_last_time_and_an_address_that_heard_of_it_is_named_no_more() -> (
    None
):
    red, well_again = said(late="error"), said(late="passed")
    states = updated({}, "room", red, NOW)
    states = noted(states, "old", due(states.values(), "old", NOW + STEP), NOW + STEP)
    states = {key: replace(state, acknowledged_at=NOW + STEP, acknowledged_by="ann") for key, state in states.items()}
    later = NOW + timedelta(hours=9)
    states = updated(updated(states, "room", well_again, NOW + 2 * STEP), "room", red, later)
    assert [notice.what for notice in due(states.values(), "new", later + STEP)] == ["new"]
    assert due(states.values(), "old", later + STEP) == [], "it never heard that it was over"


def test_what_is_not_judged_any_more_lasts_until_it_is_judged_well() -> None:
    states = updated({}, "room", said(late="error"), NOW)
    for unsure in (
        said(late="not judged"),
        judged([unjudged("late", "clicks", "-")]),
        judged([unjudged("late", "", "-"), well("late")]),
    ):
        [state] = updated(updated(states, "room", unsure, NOW + STEP), "room", unsure, NOW + STEP).values()
        assert (state.ended_at, state.severity) == (None, "error")
        assert state.sentence in ("not judged: is wrong", "not judged now, but was: is wrong")
    for sure in (said(late="passed"), judged([well("late")])):
        [state] = updated(states, "room", sure, NOW + STEP).values()
        assert (state.ended_at, state.sentence) == (NOW + STEP, "is wrong")
    [found_again] = updated(states, "room", said(late="warn"), NOW + STEP).values()
    assert found_again.severity == "warn", "judged, and not as bad"


def test_what_nobody_judges_any_more_ends_and_that_is_said() -> None:
    states = updated({}, "room", said(late="error", gone="error"), NOW)
    states = noted(states, "team", due(states.values(), "team", NOW + STEP), NOW + STEP)
    states = updated(states, "room", said(late="passed"), NOW + STEP)
    _, text, _ = message(due(states.values(), "team", NOW + 9 * STEP), NOW, "db")
    assert text.splitlines() == [f"✓ over: gone:clicks, after 5 min: {GONE}", "✓ over: late:clicks, after 5 min"]


def test_what_lasts_a_week_is_told_at_its_beginning_and_twice_again() -> None:
    assert [what for _, what in week([True] * WEEK)] == ["new", "still", "still"]


def test_a_message_is_bounded_and_what_finds_no_room_follows_with_the_next() -> None:
    states = [
        State(f"check:{n:03}", "room", "error" if n % 2 else "warn", "x" * LENGTH, "y" * LENGTH, NOW)
        for n in range(200)
    ]
    told: dict[str, State] = {state.key: state for state in states}
    heard: list[str] = []
    while notices := due(told.values(), "team", NOW + STEP):
        title, body, fitted = message(notices, NOW, "db")
        assert fitted
        assert len(title) < 200
        assert len(body) < ROOM + 60
        heard += [notice.state.key for notice in fitted]
        told = noted(told, "team", fitted, NOW)
    assert sorted(heard) == sorted(told)
    assert heard[0] == "check:001", "the worst first"
    assert "aclue: 1 over" in message([Notice("over", states[0])], NOW, "db")[0]


# --- what is told -----------------------------------------------------------------------------------------------------

PERSONAL = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda one: one.hex),
    st.emails(),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda one: one.exploded),
    st.just("postgresql://ann:pa55word@db.example.org/app"),
    st.from_regex("[A-Za-z0-9]{20}[0-9][A-Za-z0-9]{20,60}", fullmatch=True),
)


@settings(max_examples=50)
@given(PERSONAL, st.text(max_size=40), st.text(max_size=40))
def test_nothing_of_a_person_and_no_secret_is_told(personal: str, before: str, after: str) -> None:
    told = clean(f"{before} {personal} {after}")
    assert personal not in told
    assert "pa55word" not in told
    assert not set(told) & set("\n\r<>@`")
    assert len(told) <= LENGTH


@given(st.text(max_size=2000), st.integers(), st.floats(allow_nan=False))
def test_what_a_client_wrote_is_not_told_of_a_check_in_sql(text: str, count: int, share: float) -> None:
    judgement = Judgement(
        "no_page_explodes",
        "analytics.x",
        "failed",
        "warn",
        f"{text} has 9 values",
        {"said": text, "rows": count, "share": share, "all": True},
    )
    told = numbers_only(judgement, "No page explodes.")
    assert told.sentence == f"No page explodes. (rows {count}, share {share:g})"


def test_the_worst_of_one_key_is_told_and_what_passed_or_is_worth_knowing_is_not() -> None:
    outcomes = [("warn", "failed"), ("error", "failed"), ("warn", "failed"), ("info", "failed"), ("error", "passed")]
    found = judged(
        [Judgement(f"c{n // 3}", "t", outcome, severity, "s") for n, (severity, outcome) in enumerate(outcomes)]
    )
    assert {key: alert.severity for key, alert in found.wrong.items()} == {"c0:t": "error"}
    blind = [
        Judgement("c", "a", "not judged", "error", "no clicks"),
        Judgement("c", "b", "not judged", "blocking", "no clicks"),
    ]
    assert [(one.severity, one.sentence) for one in judged(blind).wrong.values()] == [
        ("warn", "not judged: no clicks"),
        ("error", "not judged: no clicks"),
    ]
    one = str(uuid.uuid4())
    assert list(judged([Judgement("blocked", f"session of {one}", "failed", "error", "x")]).wrong) == [
        "blocked:session_of_…"
    ]
