"""The two daily tables of the funnel, counted by hand: grain → the other columns. How far a session went is found by trying every
way through its events; sessions, their orphans and the swipes made in them on the way."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.oracles.clicks import Row, is_machine, verdicts
from tests.oracles.numbers import NOT_SET, day, median_seconds, rate, said, wilson
from tests.oracles.revenue import Table, World, impressions
from tests.oracles.views import kept_views

COUNTS = ("sessions", "viewed", "swiped", "clicked", "converted")
#: Name of a rate, the step it counts and the step it divides by.
RATES = (
    ("view_rate", 1, 0),
    ("swipe_step_rate", 2, 1),
    ("swipe_overall_rate", 2, 0),
    ("click_step_rate", 3, 2),
    ("click_overall_rate", 3, 0),
    ("conversion_step_rate", 4, 3),
    ("conversion_overall_rate", 4, 0),
)
GAPS = ("view", "swipe", "click", "conversion")

Way = tuple[datetime, ...]


def ctr_by_position_daily(world: World, zone: str) -> Table:
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for view in kept_views(world["views"]):
        if view["view_timestamp"] is not None and view["interaction_type"] == "impression":
            cells[day(view["view_timestamp"], zone), said(view["view_source"]), view["view_position"] or 0].append(view)
    verdict = verdicts(world["clicks"])
    return {key: impressions(shown, world, verdict) for key, shown in cells.items()}


# --- sessions ---------------------------------------------------------------------------------------------------------


def active_until(session: Row) -> datetime | None:
    """Its end as said, else when it was last active, else begun and lasted, else half an hour after it began."""
    begun, last = session["started_at"], session["last_activity_at"]
    if session["ended_at"] is not None:
        return session["ended_at"]  # type: ignore[no-any-return]
    if last is not None:
        return max(last, begun) if begun is not None else last  # type: ignore[no-any-return]
    if begun is None:
        return None
    lasted = session["duration_seconds"]
    return begun + timedelta(seconds=30 * 60 if lasted is None else lasted)  # type: ignore[no-any-return]


def session_of(swipe: Row, sessions: Sequence[Row]) -> str | None:
    """The session of its user that had begun and not ended; of several the one begun last, then the last by name."""
    at, user = swipe["swipe_timestamp"], swipe["user_id"]
    if at is None or user is None:
        return None
    around = []
    for session in sessions:
        begun, until = session["started_at"], active_until(session)
        if session["user_id"] == user and begun is not None and until is not None and begun <= at <= until:
            around.append((begun, session["session_id"]))
    return max(around)[1] if around else None


def orphans(world: World) -> list[Row]:
    """Sessions without a row, by the first of their events: a view before a click, then the smaller id; no machine's click."""
    recorded = {session["session_id"] for session in world["sessions"]}
    heard: dict[str, list[tuple[datetime, int, str, Row]]] = defaultdict(list)
    for view in world["views"]:
        heard[view["session_id"]].append((view["view_timestamp"], 0, str(view["id"]), view))
    for click in world["clicks"]:
        if not is_machine(click["user_agent"]):
            heard[click["session_id"]].append((click["click_timestamp"], 1, str(click["id"]), click))
    found = []
    for name, events in heard.items():
        dated = [event for event in events if event[0] is not None]
        if dated and name not in recorded:
            at, _, _, first = min(dated, key=lambda event: event[:3])
            device = said(first["device_type"])
            found.append({"session_id": name, "started_at": at, "user_id": first["user_id"], "device_type": device})
    return found


# --- the funnel -------------------------------------------------------------------------------------------------------


def session_funnel_daily(world: World, zone: str, window_days: int = 30) -> Table:
    machines = {click["session_id"] for click in world["clicks"] if is_machine(click["user_agent"])}
    verdict, window = verdicts(world["clicks"]), timedelta(hours=24 * window_days)
    ways: dict[tuple[Any, ...], list[Way]] = defaultdict(list)
    aside: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for session in world["sessions"]:
        if session["started_at"] is not None:
            names = ("device_type", "landing_page", "utm_source")
            key = (day(session["started_at"], zone), *(said(session[name]) for name in names))
            if session["session_id"] in machines:
                aside[key].append("bot")
            else:
                ways[key].append(deepest(steps_of(session, world, verdict), window))
    for orphan in orphans(world):
        aside[day(orphan["started_at"], zone), orphan["device_type"], NOT_SET, NOT_SET].append("orphan")
    return {key: _funnel(ways[key], aside[key]) for key in ways.keys() | aside.keys()}


def steps_of(session: Row, world: World, verdict: dict[Any, str]) -> list[list[datetime]]:
    """The times of everything that could be one of the session's five steps."""
    name = session["session_id"]
    clicks = [click for click in world["clicks"] if click["session_id"] == name and verdict[click["id"]] == "valid"]
    opened = [view for view in world["views"] if view["interaction_type"] == "detail_view"]
    steps = [
        [session["started_at"]],
        [view["view_timestamp"] for view in opened if view["session_id"] == name],
        [swipe["swipe_timestamp"] for swipe in world["swipes"] if session_of(swipe, world["sessions"]) == name],
        [click["click_timestamp"] for click in clicks],
        [click["conversion_timestamp"] for click in clicks if click["is_converted"]],
    ]
    return [sorted({at for at in times if at is not None}) for times in steps]


def deepest(steps: Sequence[Sequence[datetime]], window: timedelta) -> Way:
    """Of all ways through the steps, in time order and within the window, the deepest; of these the earliest step by step."""

    def onwards(way: Way) -> Iterator[Way]:
        yield way
        if len(way) < len(steps):
            for at in steps[len(way)]:
                if way[-1] <= at <= way[0] + window:
                    yield from onwards((*way, at))

    found = list(onwards((steps[0][0],)))
    depth = max(map(len, found))
    return min(way for way in found if len(way) == depth)


def _funnel(ways: list[Way], aside: list[str]) -> Row:
    reached = [sum(len(way) > step for way in ways) for step in range(len(COUNTS))]
    row: Row = dict(zip(COUNTS, reached, strict=True))
    for name, step, of in RATES:
        row[name] = rate(reached[step], reached[of])
        row[f"{name}_low"], row[f"{name}_high"] = wilson(reached[step], reached[of])
    for step, name in enumerate(GAPS, start=1):
        row[f"median_seconds_to_{name}"] = median_seconds([w[step] - w[step - 1] for w in ways if len(w) > step])
    return {**row, "orphan_sessions": aside.count("orphan"), "bot_sessions": aside.count("bot")}
