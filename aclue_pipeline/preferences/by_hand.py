"""What users say of their taste by hand, added to what their judgements say: in the cells of facet values and in the slope by price, from
which predictions are made. No database."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aclue_pipeline.preferences.arrays import Floats, Ints, by_odds, sigmoid, sums
from aclue_pipeline.preferences.model import Parameters

#: Judgements that what was said of a value counts as.
BY_HAND: Final = 10.0


@dataclass(frozen=True)
class Cells:
    """What each user's judgements say about each facet value met: one row per user and value, ordered by both."""

    user: Ints
    code: Ints
    evidence: Floats  # judgements' worth, without age
    rate: Floats  # share of likes, newer ones weighing more
    gradient: Floats  # likes above what base rate and offsets let expect
    curvature: Floats


@dataclass(frozen=True)
class ByHand:
    """What users of a block said of facet values, ordered by user and code, and of prices."""

    user: Ints
    code: Ints
    share: Floats  # of likes, 0 … 1
    price_user: Ints
    price: Floats  # > 0: the sweet spot


def with_what_is_said(
    cells: Cells, by_hand: ByHand, base: Floats, p: Parameters, values: int
) -> tuple[Cells, Ints, NDArray[np.bool_]]:
    """The cells, with one for each value that only the user's word is about; what is said is added to the sums. (The cells, where those
    that there were are among them, which of them something is said of.)"""
    size = max(values, 1)
    said, of = np.unique(by_hand.user * size + by_hand.code, return_inverse=True)
    expected = sigmoid(p.content_intercept + p.content_offset[by_hand.code] + base[by_hand.user])
    before = cells.user * size + cells.code
    key = np.union1d(before, said)
    place, at = np.searchsorted(key, before), np.searchsorted(key, said)
    gradient, curvature = (filled(column, place, len(key)) for column in (cells.gradient, cells.curvature))
    share = by_odds(by_hand.share, 1.0 / p.plain_odds)  # as it is published it is by head, what is expected by weight
    gradient[at] += sums(of, BY_HAND * (share - expected), len(said))
    curvature[at] += sums(of, BY_HAND * expected * (1.0 - expected), len(said))
    is_said = np.zeros(len(key), bool)
    is_said[at] = True
    evidence, rate = (filled(column, place, len(key)) for column in (cells.evidence, cells.rate))
    return Cells(key // size, key % size, evidence, rate, gradient, curvature), place, is_said


def filled(column: Any, place: Ints, size: int, otherwise: float = 0) -> Any:
    """A longer column, in which this one stands at these places."""
    made = np.full(size, otherwise, column.dtype)
    made[place] = column
    return made


def said_of_prices(by_hand: ByHand, base: Floats, p: Parameters) -> tuple[Floats, Floats]:
    """Likes at the sweet spot, against the price that is as often exceeded as not: (gradient, curvature) of the slope per user."""
    seen = np.concatenate([[0.0], np.cumsum(p.band_seen)])
    usual = np.interp(0.5 * seen[-1], seen, p.price_edges)
    user = by_hand.price_user if usual > 0 else by_hand.price_user[:0]
    relative = np.clip(np.log(by_hand.price[: len(user)] / usual), -3.0, 3.0)
    expected = sigmoid(p.content_intercept + base[user])
    return (
        sums(user, BY_HAND * (1.0 - expected) * relative, len(base)),
        sums(user, BY_HAND * expected * (1.0 - expected) * relative * relative, len(base)),
    )
