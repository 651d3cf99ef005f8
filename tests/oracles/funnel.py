"""The two daily tables of the funnel, counted by hand. The steps of a session are found by trying every order of its events."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.oracles.events import NOT_SET, Events, Session, View, day_of, said
from tests.oracles.numbers import median_seconds, rate, wilson
from tests.oracles.revenue import Row
from tests.oracles.staging import (
    machine_sessions,
    orphans,
    session_of,
    swipes_once,
    verdicts,
    views_once,
    was_followed,
)

WINDOW = timedelta(days=30)
STEPS = ("sessions", "viewed", "swiped", "clicked", "converted")
#: Names of the rates, of the step they count and of the step they divide by.
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

Path = tuple[datetime, ...]


def deepest(steps: Sequence[Sequence[datetime]]) -> Path:
    """Of all ways through the steps in time order, within the window, the deepest; of these the earliest at each step."""

    def ways(path: Path) -> Iterator[Path]:
        yield path
        if len(path) < len(steps):
            for at in steps[len(path)]:
                if path[-1] <= at and at - path[0] <= WINDOW:
                    yield from ways((*path, at))

    found = [way for start in steps[0] for way in ways((start,))]
    depth = max(map(len, found))
    return min(way for way in found if len(way) == depth)


def steps_of(session: Session, events: Events) -> list[list[datetime]]:
    """The times of everything that could be a step of the session."""
    judged = verdicts(events.clicks)
    name = session.session_id
    valid = [c for c in events.clicks if c.session_id == name and judged[c.id] == "valid"]
    times: list[list[datetime | None]] = [
        [session.started_at],
        [v.at for v in views_once(events.views) if v.session_id == name and v.kind == "detail_view"],
        [w.at for w in swipes_once(events.swipes) if session_of(w, events.sessions) == name],
        [c.at for c in valid],
        [c.converted_at for c in valid if c.is_converted],
    ]
    return [[at for at in step if at is not None] for step in times]


def session_funnel_daily(events: Events) -> list[Row]:
    machines = machine_sessions(events)
    cells: dict[tuple[Any, ...], list[Path]] = defaultdict(list)
    aside: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: {"orphan_sessions": 0, "bot_sessions": 0})
    for s in events.sessions:
        if s.started_at is not None:
            key = (day_of(s.started_at), said(s.device_type), said(s.landing_page), said(s.utm_source))
            if s.session_id in machines:
                aside[key]["bot_sessions"] += 1
            else:
                cells[key].append(deepest(steps_of(s, events)))
    for orphan in orphans(events):
        aside[day_of(orphan.started_at), orphan.device_type, NOT_SET, NOT_SET]["orphan_sessions"] += 1
    return [_funnel(key, cells[key], aside[key]) for key in cells.keys() | aside.keys()]


def _funnel(key: tuple[Any, ...], paths: list[Path], aside: dict[str, int]) -> Row:
    row: Row = dict(zip(("day", "device_type", "landing_page", "utm_source"), key, strict=True)) | aside
    reached = [sum(len(path) > step for path in paths) for step in range(len(STEPS))]
    row |= dict(zip(STEPS, reached, strict=True))
    for name, step, of in RATES:
        row[name] = rate(reached[step], reached[of])
        row[f"{name}_low"], row[f"{name}_high"] = wilson(reached[step], reached[of])
    for step, name in enumerate(GAPS, start=1):
        gaps = [path[step] - path[step - 1] for path in paths if len(path) > step]
        row[f"median_seconds_to_{name}"] = median_seconds(gaps)
    return row


def ctr_by_position_daily(events: Events) -> list[Row]:
    judged = verdicts(events.clicks)
    cells: dict[tuple[Any, ...], list[View]] = defaultdict(list)
    for v in views_once(events.views):
        if v.at is not None and v.kind == "impression":
            cells[day_of(v.at), said(v.source), v.position or 0].append(v)
    rows = []
    for (day, source, position), shown in cells.items():
        followed = sum(was_followed(v, events, judged) for v in shown)
        low, high = wilson(followed, len(shown))
        rows.append(
            {
                "day": day,
                "view_source": source,
                "view_position": position,
                "impressions": len(shown),
                "clicked_impressions": followed,
                "ctr": rate(followed, len(shown)),
                "ctr_low": low,
                "ctr_high": high,
            }
        )
    return rows
