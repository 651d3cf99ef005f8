"""How good the profiles are: each user's latest judgements, predicted from the profile before them, held against three
baselines that know less. Frames in, frames out; which events are read and where the result is kept is the store's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aclue_pipeline.preferences.arrays import Events, Floats, Ints, Items, Vocabulary, sums
from aclue_pipeline.preferences.evidence import Judgements, judgements
from aclue_pipeline.preferences.kernel import profiles
from aclue_pipeline.preferences.predictor import Weights, probability
from aclue_pipeline.preferences.training import split, train

if TYPE_CHECKING:
    import pandas as pd

BINS: Final = 15  # of the reliability plot, equally many judgements in each
PREDICTORS: Final = ("profile", "user_rate", "popularity", "global_rate")
COLD, CASUAL = 5, 50  # most judgements a cold and a casual user have


@dataclass(frozen=True)
class Quality:
    """`scores`: a row per user group and predictor; `reliability`: a row per bin of the profile's predictions."""

    scores: "pd.DataFrame"
    reliability: "pd.DataFrame"

    def log_loss(self, predictor: str, users: str = "all") -> float:
        row = self.scores[(self.scores.predictor == predictor) & (self.scores.users_group == users)]
        return float(row.log_loss.iloc[0]) if len(row) else float("nan")


def evaluate(events: Events, items: Items, vocabulary: Vocabulary, half_life_days: float, seed: int) -> Quality:
    """Train on every user's past, predict the latest fifth, and compare. No future event enters any part of it."""
    import pandas as pd

    history, future = split(events, half_life_days)
    model = train(history, items, vocabulary, half_life_days, seed)
    past = judgements(history, half_life_days)
    past = past.take(~past.price_only)
    predicted = {
        "profile": probability(Weights.of(profiles(history, model), vocabulary), future.user, future.item, model),
        **baselines(past, future, len(items)),
    }
    known = np.bincount(past.user, minlength=events.users)[future.user]
    groups = {
        "all": known >= 0,
        "cold": known <= COLD,
        "casual": (known > COLD) & (known <= CASUAL),
        "heavy": known > CASUAL,
    }
    rows = [
        {
            "users_group": group,
            "predictor": name,
            **_scores(future.like[mask], predicted[name][mask], future.user[mask]),
        }
        for group, mask in groups.items()
        for name in PREDICTORS
    ]
    return Quality(pd.DataFrame(rows), reliability(future.like, predicted["profile"]))


def baselines(past: Judgements, future: Judgements, items: int) -> dict[str, Floats]:
    """What needs no profile: everybody's rate, the product's and the user's own, these two shrunk to everybody's by
    the strength that would have predicted the past best, left out one by one."""
    rate = (float(past.like.sum()) + 1.0) / (len(past) + 2.0)
    return {
        "global_rate": np.full(len(future), rate),
        "popularity": _shrunk(past.item, past.like, items, rate)[future.item],
        "user_rate": _shrunk(past.user, past.like, past.users, rate)[future.user],
    }


def _shrunk(group: Ints, like: Floats, groups: int, rate: float) -> Floats:
    count, liked = np.bincount(group, minlength=groups), sums(group, like, groups)

    def loss(strength: float) -> float:
        others = (liked[group] - like + strength * rate) / (count[group] - 1 + strength)
        return log_loss(like, others)

    best = min((1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0), key=loss)
    return (liked + best * rate) / (count + best)


def log_loss(like: Floats, probability: Floats) -> float:
    """Mean of −log of the probability given to what happened; NaN without judgements."""
    if not len(like):
        return float("nan")
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    return float(-np.mean(like * np.log(p) + (1 - like) * np.log1p(-p)))


def _scores(like: Floats, probability: Floats, user: Ints) -> dict[str, float]:
    return {
        "users": len(np.unique(user)),
        "judgements": len(like),
        "log_loss": log_loss(like, probability),
        "auc": auc_per_user(like, probability, user),
        "calibration_error": calibration_error(like, probability),
    }


def auc_per_user(like: Floats, probability: Floats, user: Ints) -> float:
    """Mean, over users with both, of the chance that a liked product stands above a disliked one; ties count half."""
    from scipy.stats import rankdata

    if not len(like):
        return float("nan")
    _, number = np.unique(user, return_inverse=True)
    users = int(number.max()) + 1
    level = rankdata(probability, "dense") - 1
    rank = rankdata(number * (level.max() + 1) + level)  # ties share the mean rank
    count = np.bincount(number, minlength=users).astype(float)
    likes = sums(number, like, users)
    before = np.cumsum(count) - count
    order_sum = sums(number, like * (rank - before[number]), users)
    both = (likes > 0) & (likes < count)
    if not both.any():
        return float("nan")
    area = (order_sum - likes * (likes + 1) / 2)[both] / (likes * (count - likes))[both]
    return float(area.mean())


def reliability(like: Floats, probability: Floats) -> "pd.DataFrame":
    """Per bin of equally many judgements: mean prediction, share liked and its 95 % Wilson interval."""
    import pandas as pd

    columns = ["bin", "predicted", "observed", "low", "high", "judgements"]
    if not len(like):
        return pd.DataFrame(columns=columns)
    bin_of = _bins(probability)
    count = sums(bin_of, np.ones(len(like)), BINS)
    met = np.flatnonzero(count)
    n = count[met]
    predicted, observed = sums(bin_of, probability, BINS)[met] / n, sums(bin_of, like, BINS)[met] / n
    z = 1.959963984540054
    middle = (observed + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(observed * (1 - observed) / n + z * z / (4 * n * n))
    low, high = np.maximum(middle - half, 0), np.minimum(middle + half, 1)
    return pd.DataFrame(dict(zip(columns, (met, predicted, observed, low, high, n.astype(int)), strict=True)))


def calibration_error(like: Floats, probability: Floats) -> float:
    """Mean distance between prediction and share liked over the bins (ECE); judge it against its sampling floor."""
    if not len(like):
        return float("nan")
    bin_of = _bins(probability)
    gap = np.abs(sums(bin_of, probability - like, BINS))
    return float(gap.sum() / len(like))


def _bins(probability: Floats) -> Ints:
    """Bins of equally many, equal predictions together."""
    order = np.sort(probability)
    first = np.searchsorted(order, probability, side="left")
    return first * BINS // max(len(probability), 1)
