"""Sales shared among touches, one sale at a time and in exact fractions: what attribution_daily must say."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracles.facts import NOT_SET, Facts, Row

WINDOW = timedelta(hours=720)
CLICK = ("source_page", "affiliate_network")
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign")
MODELS = ("first", "last", "last_non_direct", "linear", "position", "time_decay")
UNATTRIBUTED = "(unattributed)"

#: A touch: when, and its value.
Touch = tuple[datetime, str]


def attribution_daily(facts: Facts, days: Mapping[datetime, date]) -> dict[tuple[Any, ...], Row]:
    cells: dict[tuple[Any, ...], Row] = defaultdict(
        lambda: {"conversions": Decimal(0), "conversions_without_amount": Decimal(0), "commission": None}
    )
    life_of = lives(facts)
    for sale in facts.clicks:
        at, money = sale["counted_converted_at"], sale["counted"]
        if at is None:
            continue
        for dimension in (*CLICK, *CAMPAIGN):
            path = touches(life_of[sale["person"]], sale, dimension)
            for model in MODELS:
                weights = weigh(model, path, at)
                parts = shared(Decimal(1), Decimal("0.000001"), weights)
                pence = {} if money is None else shared(money, unit_of(money), weights)
                for value, part in parts.items():
                    cell = cells[days[at], sale["currency"], dimension, model, value]
                    cell["conversions"] += part
                    if money is None:
                        cell["conversions_without_amount"] += part
                    else:
                        cell["commission"] = (cell["commission"] or Decimal(0)) + pence[value]
    return cells


def lives(facts: Facts) -> dict[Any, list[Row]]:
    """Every person's touches, of both kinds."""
    lives: dict[Any, list[Row]] = defaultdict(list)
    for click in facts.clicks:
        if click["verdict"] == "valid" and click["person"] is not None:
            lives[click["person"]].append(click)
    for visit in facts.sessions.values():
        if visit["landed_at"] and visit["person"] is not None and not visit["is_machine"] and not visit["is_orphan"]:
            lives[visit["person"]].append(visit)
    return lives


def touches(life: list[Row], sale: Row, dimension: str) -> list[Touch]:
    """What the sale's person did in the 30 days before, in order; of clicks, the one that carries the sale last."""
    names, clock = (CAMPAIGN, "landed_at") if dimension in CAMPAIGN else (CLICK, "at")
    until = sale["counted_converted_at"]
    within = sorted(
        (one[clock], *(one[name].encode() for name in names), one.get("id") == sale["id"], one[dimension])
        for one in life
        if clock in one and until - WINDOW <= one[clock] <= until
    )
    if clock == "landed_at":
        return [(one[0], one[-1]) for one in limited(within)]
    return [*((one[0], one[-1]) for one in limited(within) if not one[-2]), (sale["at"], sale[dimension])]


def went(
    facts: Facts, life_of: Mapping[Any, list[Row]], dimension: str, begin: datetime, end: datetime
) -> list[tuple[str, ...]]:
    """What each person met within the range, who bought nothing from then to now."""
    names, clock = (CAMPAIGN, "landed_at") if dimension in CAMPAIGN else (CLICK, "at")
    paths = []
    for person, life in life_of.items():
        met = sorted(
            (one[clock], *(one[name].encode() for name in names), one[dimension])
            for one in life
            if clock in one and begin <= one[clock] < end
        )
        bought = [
            c["counted_converted_at"] for c in facts.clicks if c["person"] == person and c["counted_converted_at"]
        ]
        if met and not any(at >= met[0][0] for at in bought):
            paths.append(tuple(one[-1] for one in limited(met)))
    return paths


def limited(path: list[Any]) -> list[Any]:
    return path if len(path) <= 100 else [path[0], *path[-99:]]


def weigh(model: str, path: Sequence[Touch], sold_at: datetime) -> dict[str, int]:
    """What each value weighs, those that weigh nothing left out."""
    if not path:
        return {UNATTRIBUTED: 1}
    last = len(path) - 1
    named = [n for n, (_, value) in enumerate(path) if value != NOT_SET]
    weights: dict[str, int] = defaultdict(int)
    for n, (at, value) in enumerate(path):
        if model == "position":
            ends = {0: 2 * (last - 1), last: 2 * (last - 1)} if last > 1 else {}
            weights[value] += ends.get(n, 1)
        elif model == "time_decay":
            age = max(sold_at - at, timedelta(0)) / timedelta(days=7.5)
            weights[value] += round(max(1.0, 1e9 * 2.0**-age))
        elif model == "linear":
            weights[value] += 1
        else:
            chosen = {"first": 0, "last": last, "last_non_direct": named[-1] if named else last}[model]
            weights[value] += n == chosen
    return {value: weight for value, weight in weights.items() if weight}


def unit_of(money: Decimal) -> Decimal:
    """The last decimal that it has, a penny or finer."""
    decimals = -int(money.normalize().as_tuple().exponent)
    return Decimal(1).scaleb(-max(2, decimals))


def shared(whole: Decimal, unit: Decimal, weights: Mapping[str, int]) -> dict[str, Decimal]:
    """Whole units by largest remainder; of equal remainders the first in the alphabet."""
    units = int(abs(whole) / unit)
    fair = {value: Fraction(units * weight, sum(weights.values())) for value, weight in weights.items()}
    given = {value: part.numerator // part.denominator for value, part in fair.items()}
    order = sorted(fair, key=lambda value: (given[value] - fair[value], value.encode()))
    for value in order[: units - sum(given.values())]:
        given[value] += 1
    sign = -1 if whole < 0 else 1
    return {value: sign * unit * part for value, part in given.items()}
