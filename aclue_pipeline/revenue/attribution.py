"""Credit for sales by all paths of a range at once: the removal effect of Markov chains, and Shapley values. Pure functions over
paths that analytics.attribution_paths counts; nobody is in them. Each currency apart; parts add up to the sales and to their
commission exactly."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

import numpy as np

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import ensure
from aclue_pipeline.postgres import Database

Model = Literal["markov", "shapley"]

UNATTRIBUTED = "(unattributed)"
OTHERS = "(all others)"

#: A chain has a state for each of so many values, those that most paths meet, and one for all others: it is solved at once.
STATES = 500

_SALE = Decimal("0.000001")
_START, _SOLD, _GONE = range(3)


@dataclass(frozen=True)
class Path:
    """Touches in order; how many sales in `currency` they led to and what was reported for these, how many people they led nowhere."""

    touches: tuple[str, ...]
    currency: str | None
    conversions: int
    commission: Decimal | None
    not_converted: int


@dataclass(frozen=True)
class Credit:
    """What a touch is credited with, in one currency; `commission` is None where no amount has been reported in it."""

    currency: str
    touch: str
    conversions: Decimal
    commission: Decimal | None


def read_paths(db: Database, catalog: Catalog, first: date, last: date, dimension: str) -> list[Path]:
    """The paths of sales from the first day to the last, both counted."""
    with db.begin() as connection:
        ensure(connection, catalog, catalog.functions["analytics.attribution_paths"])
    with db.psycopg() as pg:
        asked = (
            "select path, currency, conversions, commission, not_converted from analytics.attribution_paths(%s, %s, %s)"
        )
        return [Path(tuple(touches), *rest) for touches, *rest in pg.execute(asked, [first, last, dimension])]


def credits(paths: Sequence[Path], model: Model) -> list[Credit]:
    """Every currency's sales and commission shared among the touches; what followed no touch is a touch of its own, '(unattributed)'."""
    paths = _with_others(paths) if model == "markov" else paths
    lost = [path for path in paths if path.not_converted]
    found = []
    for currency in sorted({path.currency for path in paths if path.currency is not None}):
        sold = [path for path in paths if path.currency == currency]
        led = [path for path in sold if path.touches]
        worth = [(path.touches, Fraction(path.conversions), Fraction(path.commission or 0)) for path in led]
        if model == "markov":
            effects = removal_effects([*led, *lost])
            sales, money = (
                _proportional(sum(part, Fraction(0)), effects)
                for part in ([c for _, c, _ in worth], [m for *_, m in worth])
            )
        else:
            sales = shapley((touches, conversions) for touches, conversions, _ in worth)
            money = shapley((touches, commission) for touches, _, commission in worth)
        amounts = [path.commission for path in led if path.commission is not None]
        parts, pence = _rounded(sales, _SALE), _rounded(money, _unit(amounts))
        found += [
            Credit(currency, touch, part, pence[touch] if amounts else None) for touch, part in parts.items() if part
        ]
        rest = [path for path in sold if not path.touches]
        amounts = [path.commission for path in rest if path.commission is not None]
        if rest:
            count = sum(path.conversions for path in rest) * Decimal(1).quantize(_SALE)
            found.append(Credit(currency, UNATTRIBUTED, count, sum(amounts, Decimal(0)) if amounts else None))
    return sorted(found, key=lambda one: (one.currency, -one.conversions, one.touch))


def shapley(worth: Iterable[tuple[Sequence[str], Fraction]]) -> dict[str, Fraction]:
    """Shapley values where a coalition is worth the paths that need nobody else: what each path is worth, in equal parts for the
    different touches on it, which is the average over all orders of joining."""
    values: dict[str, Fraction] = defaultdict(Fraction)
    for touches, value in worth:
        on_path = set(touches)
        for touch in on_path:
            values[touch] += value / len(on_path)
    return values


def removal_effects(paths: Sequence[Path]) -> dict[str, float]:
    """By touch: the share of the sales that would be lost if every path broke off there, in the chain that goes from each touch to
    the next as often as the paths do; 0 where there are none to lose."""
    touches = sorted({touch for path in paths for touch in path.touches})
    state = {touch: n for n, touch in enumerate(touches, start=3)}
    counts = np.zeros((len(touches) + 3, len(touches) + 3))
    for path in paths:
        steps = [_START, *(state[touch] for touch in path.touches)]
        for end, times in ((_SOLD, path.conversions), (_GONE, path.not_converted)):
            for one, following in zip(steps, [*steps[1:], end], strict=True):
                counts[one, following] += times
    if not counts[:, _SOLD].any():
        return dict.fromkeys(touches, 0.0)
    odds = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # visits[a, b]: how often a path that is at a comes to b, itself included, before it ends.
    visits = np.linalg.inv(np.eye(len(touches)) - odds[3:, 3:])
    sells = visits @ odds[3:, _SOLD]
    comes = odds[_START, 3:] @ visits / np.diag(visits)
    effects = comes * sells / (odds[_START, 3:] @ sells)
    return dict(zip(touches, map(float, effects), strict=True))


def _with_others(paths: Sequence[Path]) -> list[Path]:
    """The paths with what is met on few of them as one touch."""
    met: dict[str, int] = defaultdict(int)
    for path in paths:
        for touch in set(path.touches):
            met[touch] += path.conversions + path.not_converted
    kept = set(sorted(met, key=lambda touch: (-met[touch], touch))[:STATES])
    return [
        Path(tuple(t if t in kept else OTHERS for t in path.touches), path.currency, path.conversions, path.commission, path.not_converted)
        for path in paths
    ]  # fmt: skip


def _unit(amounts: Iterable[Decimal]) -> Decimal:
    """The last decimal that any of them has, a penny or finer."""
    return Decimal(1).scaleb(min(-2, *(int(amount.normalize().as_tuple().exponent) for amount in amounts), -2))


def _proportional(total: Fraction, effects: Mapping[str, float]) -> dict[str, Fraction]:
    """The total in proportion to the effects, as far as floating numbers tell them apart."""
    weights = {touch: round(effect * 1e12) for touch, effect in effects.items()}
    return {touch: total * weight / (sum(weights.values()) or 1) for touch, weight in weights.items()}


def _rounded(parts: Mapping[str, Fraction], unit: Decimal) -> dict[str, Decimal]:
    """Parts of a whole number of units in whole units, by largest remainder; of equal remainders the first in the alphabet."""
    fair = {touch: part / Fraction(unit) for touch, part in parts.items()}
    whole = {touch: math.floor(part) for touch, part in fair.items()}
    order = sorted(fair, key=lambda touch: (whole[touch] - fair[touch], touch))
    for touch in order[: int(sum(fair.values())) - sum(whole.values())]:
        whole[touch] += 1
    return {touch: unit * units for touch, units in whole.items()}
