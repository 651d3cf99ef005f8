"""The tables of the funnel, counted by hand: grain → the other columns. How far a session went is found by trying every way
through its events."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracles.facts import CAMPAIGN, Facts, Row, World, dimension, key, session_of, usable
from tests.oracles.revenue import Days, Table, impressions

PATHS = {
    "all": ("landing", "view", "click", "conversion"),
    "signed_in": ("landing", "view", "swipe", "click", "conversion"),
    "newcomers": ("landing", "view", "click", "registration", "conversion"),
}

Way = tuple[datetime, ...]


def ctr_by_position_daily(facts: Facts, days: Days) -> Table:
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for view in facts.views:
        if view["at"] is not None and view["kind"] == "impression":
            cells[days[view["at"]], view["view_source"], view["view_position"] or 0].append(view)
    return {cell: impressions(shown) | _net_of_mix(cell, cells) for cell, shown in cells.items()}


def _net_of_mix(cell: tuple[Any, ...], cells: Mapping[tuple[Any, ...], list[Row]]) -> Row:
    """Against what the same products did on the same day at every other place."""
    compared = {"comparable_impressions": 0, "comparable_clicks": 0, "expected_clicks": Decimal(0)}
    for product in {view["product_id"] for view in cells[cell]}:
        there, elsewhere = [], []
        for place, shown in cells.items():
            if place[0] == cell[0]:
                people = [view for view in shown if view["product_id"] == product and not view["is_machine"]]
                (there if place == cell else elsewhere).extend(people)
        if elsewhere:
            rate = Fraction(sum(view["is_clicked"] for view in elsewhere), len(elsewhere))
            compared["comparable_impressions"] += len(there)
            compared["comparable_clicks"] += sum(view["is_clicked"] for view in there)
            compared["expected_clicks"] += Decimal(int(len(there) * rate * 10**6 + Fraction(1, 2))) / 10**6
    return compared


# --- the funnel -------------------------------------------------------------------------------------------------------


def session_steps(world: World, facts: Facts, days: Days, numbers: Mapping[str, int], window_days: int = 30) -> Table:
    table: Table = {}
    window = timedelta(hours=24 * window_days)
    for name, session in facts.sessions.items():
        landed = session["landed_at"]
        if landed is None:
            continue
        events = events_of(name, world, facts, numbers)
        for path, steps in PATHS.items():
            if {"all": True, "signed_in": session["is_signed_in"], "newcomers": session["is_newcomer"]}[path]:
                way = deepest([events[step] for step in steps], window)
                table[days[landed], numbers[key(name)], path] = {
                    **{column: session[column] for column in ("device_type", "landing_page", *CAMPAIGN)},
                    **{mark: session[mark] for mark in ("is_first_visit", "is_machine", "is_orphan")},
                    **{f"step_{n}_at": way[n - 1] if len(way) >= n else None for n in range(1, 6)},
                    "any_click": any(landed <= at <= landed + window for at in events["click"]),
                    "any_conversion": any(landed <= at <= landed + window for at in events["conversion"]),
                }
    return table


def events_of(name: str, world: World, facts: Facts, numbers: Mapping[str, int]) -> dict[str, list[datetime]]:
    """The times of everything that could be one of the session's steps."""
    session, clicks = facts.sessions[name], facts.valid(name)
    found = {
        "landing": [session["landed_at"]],
        "view": [view["at"] for view in facts.views if view["session_id"] == name and view["kind"] == "detail_view"],
        "swipe": [
            usable(swipe["swipe_timestamp"])
            for swipe in world["swipes"]
            if session_of(swipe, facts.sessions, numbers) == name
        ],
        "click": [click["at"] for click in clicks],
        "registration": [session["registered_at"]],
        "conversion": [click["counted_converted_at"] for click in clicks],
    }
    return {step: sorted({at for at in times if at is not None}) for step, times in found.items()}


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


def session_funnel_daily(steps: Table) -> Table:
    """From the sessions' steps, which are counted on their own."""
    cells: dict[tuple[Any, ...], list[tuple[Row, int]]] = defaultdict(list)
    for (day, _, path), row in steps.items():
        for step in range(1, 6):
            if row[f"step_{step}_at"] is not None:
                cells[day, row["device_type"], row["landing_page"], row["utm_source"], path, step].append((row, step))
    return {cell: _funnel(cell[-2], reached) for cell, reached in cells.items()}


def _funnel(path: str, reached: list[tuple[Row, int]]) -> Row:
    people = [(row, step) for row, step in reached if not row["is_machine"] and not row["is_orphan"]]
    return {
        "step_name": PATHS[path][reached[0][1] - 1],
        "sessions": len(people),
        "seconds_from_previous": _seconds(
            row[f"step_{step}_at"] - row[f"step_{max(step - 1, 1)}_at"] for row, step in people
        ),
        "seconds_from_landing": _seconds(row[f"step_{step}_at"] - row["step_1_at"] for row, step in people),
        "any_click": sum(row["any_click"] for row, _ in people),
        "any_conversion": sum(row["any_conversion"] for row, _ in people),
        "machine_sessions": sum(row["is_machine"] for row, _ in reached),
        "orphan_sessions": sum(row["is_orphan"] and not row["is_machine"] for row, _ in reached),
    }


# --- what became of recommendations -------------------------------------------------------------------------------------


def recommendation_performance_daily(world: World, facts: Facts, days: Days, window_days: int = 30) -> Table:
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for made in world["recommendations"]:
        if (at := usable(made["created_at"])) is not None:
            said = made["confidence_score"]
            confidence = said if said is not None and said.is_finite() and 0 <= said <= 1 else None
            became = _became(made, world, facts, timedelta(hours=24 * window_days))
            cell = days[at], dimension(made["algorithm_version"]), made["rank_position"] or 0, _band(confidence)
            cells[cell].append(made | became | {"confidence": confidence})
    return {cell: _performance(rows) for cell, rows in cells.items()}


def _band(confidence: Decimal | None) -> str:
    if confidence is None:
        return "(not set)"
    tenth = min(int(confidence * 10), 9)
    return f"{Decimal(tenth) / 10:.1f} to {Decimal(tenth + 1) / 10:.1f}"


def _became(made: Row, world: World, facts: Facts, window: timedelta) -> Row:
    begins, ends = made["created_at"] - timedelta(hours=24), made["created_at"] + window
    views = [
        view
        for view in world["views"]
        if view["recommendation_id"] == made["id"]
        and (at := usable(view["view_timestamp"])) is not None
        and begins <= at <= ends
    ]
    machines = {name for name, session in facts.sessions.items() if session["is_machine"]}
    people = [view for view in views if view["session_id"] not in machines]
    clicks = [
        click
        for view in people
        for click in facts.valid(view["session_id"])
        if click["product_id"] == view["product_id"] and view["view_timestamp"] <= click["at"] <= ends
    ]
    sold = [click["counted_converted_at"] for click in clicks if click["counted_converted_at"] is not None]
    return {
        "shown": bool(people),
        "shown_to_machines": bool(views) and not people,
        "opened": any(view["interaction_type"] == "detail_view" for view in people),
        "clicked": bool(clicks) or any(view["has_clicked_affiliate"] for view in people),
        "converted": any(at <= ends for at in sold),
        "reactions": [
            one
            for one in world["feedback"]
            if one["recommendation_id"] == made["id"]
            and one["feedback_value"].is_finite()
            and ((at := usable(one["created_at"])) is None or at <= ends)
        ],
    }


def _performance(rows: list[Row]) -> Row:
    plausible = [
        [one["feedback_value"] for one in row["reactions"] if one["is_validated"] is not False] for row in rows
    ]
    judged = [(sum(values), row["confidence"]) for values, row in zip(plausible, rows, strict=True) if sum(values)]
    return {
        "served": len(rows),
        **{
            name: sum(row[name] for row in rows)
            for name in ("shown", "shown_to_machines", "opened", "clicked", "converted")
        },
        "flagged_clicked": sum(row["is_clicked"] is True for row in rows),
        "flagged_purchased": sum(row["is_purchased"] is True for row in rows),
        "positive_reactions": sum(value > 0 for values in plausible for value in values),
        "negative_reactions": sum(value < 0 for values in plausible for value in values),
        "implausible_reactions": sum(one["is_validated"] is False for row in rows for one in row["reactions"]),
        "judged": len(judged),
        "liked": sum(value > 0 for value, _ in judged),
        "confidence": sum(row["confidence"] or 0 for row in rows),
        "confidence_of_judged": sum(confidence or 0 for _, confidence in judged),
    }


# --- how sessions went ------------------------------------------------------------------------------------------------


def session_quality_daily(
    world: World, facts: Facts, days: Days, numbers: Mapping[str, int], window: int = 30
) -> Table:
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for name, session in facts.sessions.items():
        if (landed := session["landed_at"]) is not None:
            cell = days[landed], session["device_type"], session["landing_page"]
            cells[cell].append(session | _went(name, world, facts, numbers, timedelta(hours=24 * window)))
    return {cell: _quality(sessions) for cell, sessions in cells.items()}


def _went(name: str, world: World, facts: Facts, numbers: Mapping[str, int], window: timedelta) -> Row:
    """What was done in the session: views and swipes of its first 24 hours, clicks and sales within the window."""
    session = facts.sessions[name]
    landed = session["landed_at"]

    def within(at: datetime | None, limit: timedelta) -> bool:
        return at is not None and landed <= at <= landed + limit

    views = [
        view
        for view in world["views"]
        if view["session_id"] == name and within(usable(view["view_timestamp"]), timedelta(hours=24))
    ]
    swipes = {
        (swipe["user_id"], swipe["swipe_timestamp"], swipe["product_id"], swipe["swipe_direction"])
        for swipe in world["swipes"]
        if session_of(swipe, facts.sessions, numbers) == name
        and within(usable(swipe["swipe_timestamp"]), timedelta(hours=24))
    }
    clicks = facts.valid(name)
    done = any(view["has_clicked_affiliate"] or view["has_saved"] or view["interaction_type"] in ACTS for view in views)
    went = {
        "viewed": bool(views),
        "products": len({view["product_id"] for view in views if view["interaction_type"] == "detail_view"}),
        "swipes": len(swipes),
        "clicked": any(within(click["at"], window) for click in clicks),
        "registered": session["has_registration_time"],
        "converted": any(within(click["counted_converted_at"], window) for click in clicks),
    }
    idle = not (done or went["swipes"] or went["clicked"] or session["registered_at"])
    return went | {"bounced": went["viewed"] and went["products"] < 2 and idle}


ACTS = ("click", "add_to_wishlist", "share", "save")


def _quality(sessions: list[Row]) -> Row:
    people = [one for one in sessions if not one["is_machine"] and not one["is_orphan"]]
    lasted = [one["engaged_seconds"] for one in people if one["engaged_seconds"] is not None]
    products = [one["products"] for one in people]
    row = {
        "sessions": len(people),
        "machine_sessions": sum(one["is_machine"] for one in sessions),
        "orphan_sessions": sum(one["is_orphan"] and not one["is_machine"] for one in sessions),
        "viewing_sessions": sum(one["viewed"] for one in people),
        "bounces": sum(one["bounced"] for one in people),
        "products_opened": sum(products),
        "swiping_sessions": sum(one["swipes"] > 0 for one in people),
        "swipes": sum(one["swipes"] for one in people),
        "sessions_of_unknown_length": len(people) - len(lasted),
        "engaged_seconds": sum(lasted),
    }
    opened = {"none": (0, 0), "1": (1, 1), "2_to_4": (2, 4), "5_to_9": (5, 9), "10_or_more": (10, 10**9)}
    row |= {f"opened_{size}": sum(low <= n <= high for n in products) for size, (low, high) in opened.items()}
    ends = {"under_10_s": 10, "under_1_min": 60, "under_5_min": 300, "under_30_min": 1800, "30_min_or_more": 10**9}
    begins = [0, *ends.values()]
    row |= {
        f"lasted_{name}": sum(begin <= n < end for n in lasted)
        for begin, (name, end) in zip(begins, ends.items(), strict=False)
    }
    return row | _disagreements(people)


def _disagreements(people: list[Row]) -> Row:
    """Each flag, and where the events say otherwise; one that is NULL says nothing, but that it converted."""
    said = {
        "viewed": lambda one: one["app_products_viewed"],
        "swiped": lambda one: one["app_swipes"],
        "clicked": lambda one: one["app_clicks"],
        "registered": lambda one: one["app_registered"],
        "converted": lambda one: one["has_converted"],
        "bounced": lambda one: one["app_bounced"] if one["viewed"] else None,
    }
    row = {}
    for name, of in said.items():
        known = [
            (bool(of(one)), bool(one["swipes" if name == "swiped" else name])) for one in people if of(one) is not None
        ]
        other = "time" if name == "registered" else "events"
        row[f"{name}_by_flag_only"] = sum(flag and not is_so for flag, is_so in known)
        row[f"{name}_by_{other}_only"] = sum(is_so and not flag for flag, is_so in known)
    return row


def _seconds(gaps: Iterator[timedelta]) -> Decimal:
    return Decimal(sum(gaps, timedelta()) // timedelta(microseconds=1)) / 1_000_000
