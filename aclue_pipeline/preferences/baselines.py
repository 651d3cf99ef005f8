"""What knows less than a profile does, each as good as it can be made: the least that profiles have to beat. Everybody's rate, the
product's, the user's own, and both as biases on the log odds (a logistic regression on user and product)."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from aclue_pipeline.preferences.arrays import Floats, Ints, logit, sigmoid, sums
from aclue_pipeline.preferences.measures import log_loss
from aclue_pipeline.preferences.splits import Mask

BASELINES: Final = ("user_item", "user_rate", "popularity", "global_rate")
_STRENGTHS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_VARIANCES: Final = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0)
_ROUNDS: Final = 15  # of alternating Newton steps
_ENOUGH: Final = 400_000  # judgements to tune on: those of a part of the users


class Past(NamedTuple):
    """What was judged so far, in the order of each user's time."""

    users: int
    items: int
    user: Ints
    item: Ints
    like: Floats

    def take(self, mask: Mask) -> "Past":
        return Past(self.users, self.items, self.user[mask], self.item[mask], self.like[mask])


class Tuned(NamedTuple):
    """Judgements' worth of everybody's rate in a product's and in a user's; how far users and products spread, in log odds squared."""

    popularity: float = 8.0
    user_rate: float = 8.0
    user_variance: float = 0.5
    item_variance: float = 0.5


def tuned(past: Past, held: Mask) -> Tuned:
    """What predicts best the part of the past that is `held` out, from the rest of it."""
    part = past.user % (1 + len(past.user) // _ENOUGH) == 0
    known, asked = past.take(part & ~held), past.take(part & held)
    if not len(asked.user) or not len(known.user):
        return Tuned()

    def best(
        name: str, of: Tuned, values: tuple[float, ...], predict: Callable[[Past, Tuned, Ints, Ints], Floats]
    ) -> Tuned:
        tried = [of._replace(**{name: value}) for value in values]
        return min(tried, key=lambda one: log_loss(asked.like, predict(known, one, asked.user, asked.item)))

    found = best("popularity", Tuned(), _STRENGTHS, _popularity)
    found = best("user_rate", found, _STRENGTHS, _user_rate)
    for name in ("user_variance", "item_variance", "user_variance"):
        found = best(name, found, _VARIANCES, _user_item)
    return found


def baselines(past: Past, of: Tuned, user: Ints, item: Ints) -> dict[str, Floats]:
    """The probability of a like for pairs of user and product, as each baseline says."""
    return {
        "user_item": _user_item(past, of, user, item),
        "user_rate": _user_rate(past, of, user, item),
        "popularity": _popularity(past, of, user, item),
        "global_rate": np.full(len(user), _rate(past)),
    }


def _rate(past: Past) -> float:
    return (float(past.like.sum()) + 1.0) / (len(past.like) + 2.0)


def _shrunk(past: Past, group: Ints, groups: int, strength: float) -> Floats:
    count, liked = np.bincount(group, minlength=groups), sums(group, past.like, groups)
    return (liked + strength * _rate(past)) / (count + strength)


def _popularity(past: Past, of: Tuned, user: Ints, item: Ints) -> Floats:
    return _shrunk(past, past.item, past.items, of.popularity)[item]


def _user_rate(past: Past, of: Tuned, user: Ints, item: Ints) -> Floats:
    return _shrunk(past, past.user, past.users, of.user_rate)[user]


def _user_item(past: Past, of: Tuned, user: Ints, item: Ints) -> Floats:
    middle, by_user, by_item = logit(_rate(past)), np.zeros(past.users), np.zeros(past.items)
    for _ in range(_ROUNDS):
        p = sigmoid(middle + by_user[past.user] + by_item[past.item])
        middle += float(np.clip(np.sum(past.like - p) / (np.sum(p * (1 - p)) + 1e-9), -1.5, 1.5))
        by_item = _step(past.item, by_item, of.item_variance, past, middle + by_user[past.user])
        by_user = _step(past.user, by_user, of.user_variance, past, middle + by_item[past.item])
    return sigmoid(middle + by_user[user] + by_item[item])


def _step(group: Ints, bias: Floats, variance: float, past: Past, others: Floats) -> Floats:
    """One Newton step of every bias, given all else; short of the next turn of the curve."""
    p = sigmoid(others + bias[group])
    gradient = sums(group, past.like - p, len(bias)) - bias / variance
    curvature = sums(group, p * (1 - p), len(bias)) + 1 / variance
    return bias + np.clip(gradient / curvature, -1.5, 1.5)
