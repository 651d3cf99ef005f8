"""The link, which weighs the parts of a prediction: the moments it is learned at, what was asked for after each, and the regression.
What is fitted to the events before a moment is training's."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from aclue_pipeline.preferences.arrays import Events, Floats, Ints, sigmoid
from aclue_pipeline.preferences.evidence import ENOUGH, Judgements, judged_of, not_met_before
from aclue_pipeline.preferences.kernel import NEWTON_STEPS, profiles
from aclue_pipeline.preferences.model import COUNTS, EVIDENCE, PARTS, TasteModel
from aclue_pipeline.preferences.predictor import Weights, familiarity, parts
from aclue_pipeline.preferences.splits import NEXT, PREFIXES, Mask

#: Parts of each user's events, and of all events by time, after which the next part is asked for.
CUTS: Final = (0.4, 0.55, 0.7, 0.85, 1.0)
LINK_PRECISION: Final = 30.0  # with which the link's coefficients are drawn to the plain ones
CALIBRATED: Final = 100.0
PLAIN_LINK: Final = np.array(
    [0.0, *(1.0 if name == "base" else 0.5 if name in EVIDENCE[3:] else 0.0 for name in PARTS)]
)  # until there is something to learn from


def link_of(fitted: Callable[[Events], TasteModel], events: Events, seed: int) -> tuple[Floats, Floats]:
    """(link, its calibration on each user's latest block). The link is a logistic regression on the parts of the prediction of what
    came next, intercept first: after rolling moments of each user's own events and of the calendar, and after the first few events of
    users whom the model has not seen."""
    taught = []
    for known, asked in (*of_calendar(events), *of_users(events)):
        if known.any():
            taught.append(_lesson(fitted(events.take(known)), events, known, asked))
    newest = taught[-1]
    half, rank = np.random.default_rng(seed).permutation(events.users) % 2, _rank(events)
    for side in (0, 1):
        new = half[events.user] == side
        if new.all() or not new.any():
            continue
        model = fitted(events.take(~new))
        for prefix in PREFIXES:
            known, asked = new & (rank < prefix), new & (rank >= prefix) & (rank < prefix + NEXT)
            taught.append(_lesson(model, events, known, asked))
    made, like, fair = (np.concatenate(column) for column in zip(*taught, strict=True))
    if len(like) < ENOUGH or np.ptp(like) == 0:
        return PLAIN_LINK, np.zeros(2)
    link = regression(made, like, fair)
    made, like, _ = newest
    seasoned = familiarity(np.expm1(made[:, PARTS.index("log_user")]))
    return link, _calibration(link[0] + made @ link[1:], seasoned, like)


def regression(made: Floats, like: Floats, fair: Floats) -> Floats:
    """(intercept, coefficients), drawn to what is plain, those of evidence and offsets at least 0: a dislike must not raise its own
    product."""
    from scipy.optimize import minimize

    scale = np.maximum(made.std(axis=0), 0.05)  # a part that is nearly constant must not explode
    made, fair, plain = made / scale, fair / fair.mean(), PLAIN_LINK[1:] * scale

    def loss(link: Floats) -> tuple[float, Floats]:
        log_odds = link[0] + made @ link[1:]
        wrong = fair * (sigmoid(log_odds) - like)
        drawn = LINK_PRECISION * (link[1:] - plain)
        value = np.sum(fair * (np.logaddexp(0.0, log_odds) - like * log_odds)) + 0.5 * np.sum(
            drawn * (link[1:] - plain)
        )
        return float(value), np.concatenate([[wrong.sum()], made.T @ wrong + drawn])

    bounds = [(None, None), *((None, None) if name in COUNTS else (0.0, None) for name in PARTS)]
    found = minimize(
        loss,
        np.array([0.0, *plain]),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-10},
    )
    return np.asarray(found.x) / np.concatenate([[1.0], scale])


def _calibration(log_odds: Floats, known: Floats, like: Floats) -> Floats:
    """Platt's intercept and slope beyond 1, each drawn to 0 as by CALIBRATED judgements: Newton steps."""
    made, found = np.stack([known, known * log_odds], axis=1), np.zeros(2)
    for _ in range(NEWTON_STEPS):
        p = sigmoid(log_odds + made @ found)
        prior = CALIBRATED / 4.0
        curvature = (made * (p * (1.0 - p))[:, None]).T @ made + prior * np.eye(2)
        found = found + np.linalg.solve(curvature, made.T @ (like - p) - prior * found)
    return np.array([found[0], max(found[1], -0.5)])


def _lesson(model: TasteModel, events: Events, known: Mask, asked: Mask) -> tuple[Floats, Floats, Floats]:
    """(parts of the prediction of what was asked, whether it was liked, weight): a heavy user must not decide alone, but a user of whom
    one judgement is asked does not stand for as many as one of whom the next few are: strangers were told the rate of the former."""
    history = events.take(known)
    future = not_met_before(judged_of(events.take(asked)), history)
    made = np.stack(parts_of(model, history, future), axis=1)
    asked_of = np.bincount(future.user, minlength=events.users)[future.user]
    return made, future.like, 1.0 / np.sqrt(np.maximum(asked_of / NEXT, 1.0))


def parts_of(model: TasteModel, known: Events, future: Judgements) -> list[Floats]:
    of_users = Weights.of(profiles(known, model), model.vocabulary)
    return parts(of_users, future.user, future.item, model.items, model.vocabulary)


def of_users(events: Events) -> Iterator[tuple[Mask, Mask]]:
    """(known, asked) after each cut of each user's own events."""
    rank, count = _rank(events), np.bincount(events.user, minlength=events.users)
    for cut, until in pairwise(CUTS):
        known = rank < np.floor(cut * count)[events.user]
        yield known, ~known & (rank < np.floor(until * count)[events.user])


def of_calendar(events: Events) -> Iterator[tuple[Mask, Mask]]:
    """(known, asked) after each cut of everybody's time."""
    moments = np.quantile(events.at, CUTS) if len(events) else np.zeros(len(CUTS))
    for cut, until in pairwise(moments):
        yield events.at <= cut, (events.at > cut) & (events.at <= until)


def _rank(events: Events) -> Ints:
    """How many events of the user came before each."""
    count = np.bincount(events.user, minlength=events.users)
    return np.arange(len(events)) - (np.cumsum(count) - count)[events.user]


def some_users(events: Events, most: int, seed: int) -> Events:
    """The events of as many users as have some `most` events together."""
    count = np.bincount(events.user, minlength=events.users)
    order = np.random.default_rng(seed).permutation(events.users)
    kept = np.zeros(events.users, bool)
    kept[order[: max(1, int(np.searchsorted(np.cumsum(count[order]), most, side="right")))]] = True
    return events.take(kept[events.user])
