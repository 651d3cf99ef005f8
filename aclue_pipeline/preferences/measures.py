"""How good predicted probabilities are: pure functions of what happened (`like`, 1 or 0) and what was said (`probability`).
NaN where there is nothing to measure."""

from typing import TYPE_CHECKING, Final

import numpy as np

from aclue_pipeline.preferences.arrays import Floats, Ints, sums

if TYPE_CHECKING:
    import pandas as pd

BINS: Final = 15  # of equally many judgements each
_CLIP: Final = 1e-6  # nobody is punished without end for having been sure
_DRAWS: Final = 1000  # for a sampling floor; fewer where there are more than 100,000 judgements


def log_loss(like: Floats, probability: Floats) -> float:
    """Mean of −log of the probability given to what happened."""
    return float(np.mean(losses(like, probability))) if len(like) else float("nan")


def losses(like: Floats, probability: Floats) -> Floats:
    """−log of the probability given to each thing that happened."""
    p = np.clip(probability, _CLIP, 1 - _CLIP)
    return np.asarray(-(like * np.log(p) + (1 - like) * np.log1p(-p)))


def user_auc(like: Floats, probability: Floats, user: Ints) -> float:
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


def ece(like: Floats, probability: Floats) -> float:
    """Mean distance between probability and share liked over the bins (expected calibration error): judge it against its floor."""
    if not len(like):
        return float("nan")
    gap = np.abs(sums(_bins(probability), probability - like, BINS))
    return float(gap.sum() / len(like))


def ece_floor(probability: Floats, seed: int = 1) -> float:
    """The ECE that a perfectly calibrated predictor of these probabilities stays below in 95 of 100 samples; by simulation."""
    if not len(probability):
        return float("nan")
    random = np.random.default_rng(seed)
    bin_of = _bins(probability)
    expected = sums(bin_of, probability, BINS)
    draws = max(100, min(_DRAWS, 100_000 * _DRAWS // len(probability)))
    gaps = [
        np.abs(expected - np.bincount(bin_of[random.random(len(probability)) < probability], minlength=BINS)).sum()
        for _ in range(draws)
    ]
    return float(np.quantile(gaps, 0.95) / len(probability))


def calibration(like: Floats, probability: Floats) -> tuple[float, float]:
    """(slope, intercept) of the logistic regression of what happened on the log odds of what was said: (1, 0) is right, a slope
    below 1 was too sure. NaN where no such line is the likeliest: one outcome only, or one probability, or a step between them."""
    p = np.clip(probability, _CLIP, 1 - _CLIP)
    x = np.stack([np.log(p) - np.log1p(-p), np.ones(len(p))], axis=1)
    nothing = (float("nan"), float("nan"))
    if not len(p) or np.ptp(like) == 0 or np.ptp(x[:, 0]) < 1e-9:
        return nothing
    line = np.array([1.0, 0.0])

    def loss(line: Floats) -> float:
        return float(np.sum(np.logaddexp(0, x @ line)) - np.sum(like * (x @ line)))

    for _ in range(100):
        said = 1 / (1 + np.exp(-np.clip(x @ line, -500, 500)))
        curvature = (x * (said * (1 - said))[:, None]).T @ x
        if np.linalg.cond(curvature) > 1e12:
            return nothing
        step = np.linalg.solve(curvature, x.T @ (like - said))
        before = loss(line)
        while loss(line + step) > before + 1e-12 * abs(before) and np.abs(step).max() > 1e-12:
            step = step / 2
        line = line + step
        if np.abs(line).max() > 1e4:
            return nothing
        if np.abs(step).max() < 1e-9:
            return float(line[0]), float(line[1])
    return nothing


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


def _bins(probability: Floats) -> Ints:
    """Bins of equally many, equal predictions together."""
    order = np.sort(probability)
    first = np.searchsorted(order, probability, side="left")
    return first * BINS // max(len(probability), 1)
