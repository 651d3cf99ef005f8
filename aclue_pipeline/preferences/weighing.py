"""How much a signal says, and how fast it ages, fitted: what predicts later judgements best, one number after the other, while products
keep their offsets and vectors. What is not surely better than the default stays there, and nothing leaves the range that is tried:
no client's numbers make a signal say more than that."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aclue_pipeline.preferences.arrays import Events, Floats, sigmoid, sums
from aclue_pipeline.preferences.evidence import ENOUGH, Judgements, Weighing, weights
from aclue_pipeline.preferences.linking import LINK_PRECISION, PLAIN_LINK, parts_of
from aclue_pipeline.preferences.model import TasteModel

#: Days; the first one where nothing is known, the last one is as good as none.
HALF_LIVES: Final = (180.0, 30.0, 90.0, 365.0, 1000.0, 10_000.0)
#: Of its default that a weight may be. The first three do where they are as good as each other: the loss is next to convex.
FACTORS: Final = (1.0, 0.25, 4.0, 0.5, 0.7, 1.4, 2.0)
ENDS: Final = 3
#: Log-likelihood that is none however alike users gain it: by offsets, vectors and a link fitted anew, which all of them share, thrown
#: dice gain up to seven, few users as well as many.
CHANCE: Final = 10.0
#: Users who decide nothing for all others, however much they gain: that many accounts are soon made.
FEW: Final = 10
ROUNDS: Final = 2  # over all weights: the best of one depends on the others
LINK_STEPS: Final = 4  # of the regression that a step of the search makes


def aged(model: TasteModel, history: Events, future: Judgements) -> Weighing:
    """The usual weighing with the half-life that predicts the future best, and the range of those that are not surely worse."""
    losses = []
    for days in HALF_LIVES if len(future) >= ENOUGH else ():
        tried = replace(model, parameters=replace(model.parameters, half_life_days=days))
        log_odds = np.stack(parts_of(tried, history, future), axis=1) @ PLAIN_LINK[1:]
        lost = np.logaddexp(0.0, log_odds) - future.like * log_odds
        losses.append(sums(future.user, lost, history.users))
    usual = Weighing(half_life_days=HALF_LIVES[0])
    found, plausible = surely_best(HALF_LIVES, losses, 0.0)
    return replace(usual, half_life_days=found, plausible=np.vstack([usual.plausible[:-1], plausible]))


def weighed(model: TasteModel, history: Events, future: Judgements, seed: int) -> Weighing:
    """The usual weighing, but the model's half-life, with each weight at what predicts the future best, and the range of those that are
    not surely worse. A like says 1: only what others say beside it can be told."""
    p = model.parameters
    default = Weighing(half_life_days=p.half_life_days)
    usual = default.stated()
    half = np.random.default_rng(seed).permutation(history.users)[future.user] % 2 == 0
    known: dict[bytes, Floats] = {}

    def lost(stated: Floats) -> Floats:
        key = stated.tobytes()
        if key not in known:
            by = p.stating(stated).scaled(history)
            known[key] = _lost(replace(model, parameters=by), history, future, half)
        return known[key]

    found, plausible = usual.copy(), p.plausible.copy()
    for _ in range(ROUNDS):
        for number in range(1, len(usual)):
            tried = np.repeat(found[None], len(FACTORS), axis=0)
            tried[:, number] = usual[number] * np.array(FACTORS)
            enough = len(future) >= ENOUGH and _differ(p.stating(tried[0]), p.stating(tried[1]), history)
            losses = [lost(stated) for stated in tried[:ENDS]] if enough else []
            best = surely_best(tuple(tried[:, number]), losses, CHANCE)
            if best[1] != (tried[1, number], tried[2, number]):
                losses += [lost(stated) for stated in tried[ENDS:]]
                best = surely_best(tuple(tried[:, number]), losses, CHANCE)
            found[number], plausible[number] = best
    return replace(default.stating(found), plausible=plausible)


def surely_best(tried: tuple[float, ...], losses: list[Floats], chance: float) -> tuple[float, tuple[float, float]]:
    """(what was tried with the least loss, but the first, which is the default, where that lies in the range; the range: from the least
    to the most that are not worse than the best by more than two standard errors of the users' differences and by more than chance, or
    only by the few to whom it makes most; all without losses)."""
    if not losses:
        return tried[0], (min(tried), max(tried))
    best = int(np.argmin([loss.sum() for loss in losses]))
    worse = [loss - losses[best] for loss in losses]
    by_few = [np.sort(loss)[:-FEW].sum() <= 0 for loss in worse]
    unsure = [loss.sum() <= max(2.0 * np.sqrt(np.sum(loss**2)), chance) for loss in worse]
    near = [tried[n] for n in range(len(worse)) if unsure[n] or by_few[n]]
    least, most = min(near), max(near)
    return tried[0 if least <= tried[0] <= most else best], (least, most)


def _differ(one: Weighing, other: Weighing, history: Events) -> bool:
    """Whether the history holds such signals, and others beside them."""
    judging = history.take(history.value != 0)
    of_one, of_other = (by.weight_scale * weights(judging, by) for by in (one.scaled(judging), other.scaled(judging)))
    return not np.allclose(of_one, of_other)


def _lost(model: TasteModel, history: Events, future: Judgements, half: NDArray[np.bool_]) -> Floats:
    """Log-loss per user, by a link that the other half of the users teaches."""
    made, like = np.stack(parts_of(model, history, future), axis=1), future.like
    scale = np.maximum(made.std(axis=0), 0.05)
    made, plain = np.column_stack([np.ones(len(made)), made / scale]), PLAIN_LINK * np.append(1.0, scale)
    log_odds = np.zeros(len(like))
    for mine in (half, ~half):
        log_odds[mine] = made[mine] @ _link(made[~mine], like[~mine], plain)
    return sums(future.user, np.logaddexp(0.0, log_odds) - like * log_odds, history.users)


def _link(made: Floats, like: Floats, plain: Floats) -> Floats:
    """As the one that a version keeps, but of either sign: a few Newton steps, a tenth of the time."""
    found = plain
    for _ in range(LINK_STEPS):
        p = sigmoid(made @ found)
        curvature = (made * (p * (1.0 - p))[:, None]).T @ made + LINK_PRECISION * np.eye(len(plain))
        found = found + np.linalg.solve(curvature, made.T @ (like - p) - LINK_PRECISION * (found - plain))
    return found
