"""Training: from everybody's judgements to a version of the taste model. Deterministic: the same events, catalogue and
seed give the same version. The arithmetic of a profile is the kernel's; nothing here is needed to compute one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import betaln

from aclue_pipeline.preferences.alignment import aligned, renumbered
from aclue_pipeline.preferences.arrays import Events, Floats, Ints, Items, Vocabulary, logit, sigmoid, sums
from aclue_pipeline.preferences.evidence import Judgements, Weighing, judgements, weights
from aclue_pipeline.preferences.facets import BANDS, FACETS, ITEM_KINDS, RANK, SEGMENTS
from aclue_pipeline.preferences.kernel import (
    NEWTON_STEPS,
    Residuals,
    bands,
    facet_cells,
    fold_in,
    newton_step,
    profiles,
    residuals,
)
from aclue_pipeline.preferences.measures import log_loss
from aclue_pipeline.preferences.model import COUNTS, EVIDENCE, PARTS, Parameters, TasteModel, version_of
from aclue_pipeline.preferences.predictor import Weights, familiarity, parts
from aclue_pipeline.preferences.splits import Mask


class Scales(NamedTuple):
    """How far users' deviations spread, log odds squared: what is learned once and then stays."""

    facet_variance: Floats
    slope_variance: float


SPREAD: Final = (*(FACETS[kind].name for kind in ITEM_KINDS), "price")  # parts whose prior variance is chosen
#: Judgements' worth of prior that empirical Bayes chooses from. Below 5, three likes of three would beat ninety of a hundred.
STRENGTHS: Final = np.array([5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 40.0, 56.0, 80.0, 113.0])
VARIANCES: Final = (0.01, 0.03, 0.1, 0.3, 1.0)  # of a user's deviations, log odds squared
HELD_OUT: Final = 5  # the last ⌊n/5⌋ judgements of a user are asked for
ROUNDS: Final = 12  # of alternating Newton steps for base rates and offsets
CONTENT_ROUNDS: Final = (2, 6, 10)  # in which the content's prior for offsets is fitted anew
PASSES: Final = 60  # of Adagrad over the vectors
RATE: Final = 0.1  # its first step
START: Final = 0.05  # how far the vectors spread before it
PRECISION: Final = 10.0  # of the prior of a vector's numbers
#: Parts of each user's events, and of all events by time, after which the next part is asked for.
CUTS: Final = (0.4, 0.55, 0.7, 0.85, 1.0)
PREFIXES: Final = (0, 1, 2, 3, 5, 10)  # events known of a user whom the model has not seen
NEXT: Final = 5  # events asked for after a prefix
LINK_EVENTS: Final = 400_000  # enough for some thirty coefficients
ENOUGH: Final = 200  # judgements asked for, below which nothing is learned from them
LINK_PRECISION: Final = 30.0  # with which the link's coefficients are drawn to the plain ones
CALIBRATED: Final = 100.0
PLAIN_LINK: Final = np.array(
    [0.0, *(1.0 if name == "base" else 0.5 if name in EVIDENCE[3:] else 0.0 for name in PARTS)]
)  # until there is something to learn from


def train(
    events: Events,
    items: Items,
    vocabulary: Vocabulary,
    half_life_days: float,
    seed: int,
    previous: TasteModel | None = None,
) -> TasteModel:
    """A model version from the events of all (or a sample of) users and the catalogue's items, its vectors and segments as near to the
    previous version's as may be.

    How far users' tastes spread is learned once, by what predicts the latest judgements best, and stays what it is in everything
    that follows. The link, which weighs the parts of a prediction, is learned on judgements that came after those which all else was
    fitted to, for one such moment after the other; then all is fitted to all. One thread: its sums do not depend on the machine.
    """
    from threadpoolctl import threadpool_limits

    def fitted(part: Events) -> TasteModel:
        return fit(part, items, vocabulary, half_life_days, seed)

    with threadpool_limits(1):
        taught = _some_users(events, LINK_EVENTS, seed)
        scales = _scales(fitted, taught)
        link, calibration = _link(lambda part: _scaled(fitted(part), scales), taught, seed)
        model = aligned(_scaled(fitted(events), scales), previous)
        centres = _centres(events, model, seed, previous)
        parameters = replace(_strengths(events, model), link=link, calibration=calibration, centres=centres)
    return replace(model, parameters=parameters, version=version_of(parameters, vocabulary, model.items))


def split(events: Events, half_life_days: float) -> tuple[Events, Judgements]:
    """(events before, judgements after) a moment of each user: the last ⌊n/5⌋ judgements, at least one from two on.
    Products that the user had met before that moment are not asked for: their answer is known."""
    judged = judgements(events, Weighing(half_life_days=half_life_days))
    judged = judged.take(~judged.price_only)
    count = np.bincount(judged.user, minlength=events.users)
    last = np.where(count >= 2, np.maximum(count // HELD_OUT, 1), 0)
    begin = np.cumsum(count) - count
    rank = np.arange(len(judged)) - begin[judged.user]
    held = rank >= (count - last)[judged.user]
    cut = np.full(events.users, np.iinfo(np.int64).max)
    np.minimum.at(cut, judged.user[held], judged.at[held])
    history = events.take(events.at < cut[events.user])
    future = judged.take(judged.at >= cut[judged.user])
    width = int(events.item.max(initial=0)) + 1
    again = np.isin(future.user * width + future.item, history.user * width + history.item)
    return history, future.take(~again)


def fit(events: Events, items: Items, vocabulary: Vocabulary, half_life_days: float, seed: int) -> TasteModel:
    """What a version says of products and of the population; scales, strengths, link and segments as they are without evidence."""
    weighing = Weighing(half_life_days=half_life_days)
    signed = events.value != 0
    mean = float(np.mean(weights(events, weighing)[signed])) if signed.any() else 1.0
    weighing = replace(weighing, weight_scale=1.0 / mean)
    judged = judgements(events, weighing)
    about = judged.take(~judged.price_only)
    like_rate = (float(np.sum(about.evidence * about.like)) + 1.0) / (float(np.sum(about.evidence)) + 2.0)
    content = _content(items, vocabulary)
    offset, base_variance, (coefficients, intercept) = _biases(about, len(items), content, like_rate)
    vector, content_vector = _vectors(residuals(judged, offset, base_variance), offset, content, seed)
    items = replace(items, offset=offset, count=sums(about.item, about.evidence, len(items)), vector=vector)
    edges, rate, seen = _prices(judged, items, like_rate)
    parameters = Parameters(
        **vars(weighing),
        like_rate=like_rate,
        base_variance=base_variance,
        base_strength=_base_strength(about, like_rate),
        strength=np.full(len(FACETS), 10.0),
        facet_variance=np.full(len(FACETS), 0.1),
        band_strength=10.0,
        slope_variance=0.1,
        price_edges=edges,
        band_rate=rate,
        band_seen=seen,
        content_offset=coefficients,
        content_intercept=intercept,
        content_vector=content_vector,
        centres=np.zeros((SEGMENTS, RANK)),
        link=PLAIN_LINK,
        calibration=np.zeros(2),
    )
    return TasteModel("", parameters, vocabulary, items)


def _content(items: Items, vocabulary: Vocabulary) -> sparse.csr_matrix:
    """items × codes: 1 over the root of the number of values of that facet which the item has."""
    shape = (len(items), max(len(vocabulary), 1))
    return sparse.csr_matrix((np.ones(len(items.facet_codes)), items.facet_codes, items.facet_start), shape=shape)


def _ridge(content: sparse.csr_matrix, target: Floats, weight: Floats, strength: float) -> tuple[Floats, Floats]:
    """(coefficients codes × targets, intercepts) of a weighted ridge regression."""
    from sklearn.linear_model import Ridge

    known = np.flatnonzero(weight > 0)
    if not len(known):
        return np.zeros((content.shape[1], target.shape[1])), np.zeros(target.shape[1])
    ridge = Ridge(alpha=strength, solver="sparse_cg", tol=1e-8)
    ridge.fit(content[known], target[known], sample_weight=weight[known])
    return np.asarray(ridge.coef_).reshape(target.shape[1], -1).T, np.asarray(ridge.intercept_).reshape(-1)


def _biases(
    about: Judgements, n_items: int, content: sparse.csr_matrix, like_rate: float
) -> tuple[Floats, float, tuple[Floats, float]]:
    """Item offsets beside user base rates, by alternating Newton steps on the log odds; how far items and users spread is
    learned along the way (EM), and an item's prior mean is what its content says.

    (offsets, variance of base rates, (content coefficients, intercept))."""
    prior = np.full(n_items, logit(like_rate))
    offset, base = prior.copy(), np.zeros(about.users)
    item_variance = user_variance = 0.5
    coefficients, intercept = np.zeros((content.shape[1], 1)), np.array([logit(like_rate)])
    seen = sums(about.item, about.evidence, n_items)
    for number in range(ROUNDS):
        log_odds = offset[about.item] + base[about.user]
        offset, variance = newton_step(about, about.item, log_odds, offset, prior, item_variance)
        item_variance = _spread(offset - prior, variance, seen > 0)
        log_odds = offset[about.item] + base[about.user]
        base, variance = newton_step(about, about.user, log_odds, base, 0.0, user_variance)
        user_variance = _spread(base, variance, np.bincount(about.user, minlength=about.users) > 0)
        if number in CONTENT_ROUNDS:
            sure = np.where(seen > 0, seen / (seen + 4 / item_variance), 0.0)
            coefficients, intercept = _ridge(content, offset[:, None], sure, 3.0)
            prior = np.asarray(content @ coefficients)[:, 0] + intercept[0]
    offset = np.where(seen > 0, offset, prior)
    return offset, user_variance, (coefficients[:, 0], float(intercept[0]))


def _spread(mode: Floats, variance: Floats, known: NDArray[np.bool_]) -> float:
    return float(np.clip(np.mean((mode**2 + variance)[known]), 0.02, 4.0)) if known.any() else 0.5


def _vectors(known: Residuals, offset: Floats, content: sparse.csr_matrix, seed: int) -> tuple[Floats, Floats]:
    """(items × RANK, codes × RANK): vectors q of items, their own plus their content's, with which a fold-in predicts best: z of a user is
    the mean-like sum of residual × q over all judgements but the one predicted, and q·z is added to the log odds. One more like of an
    item adds residual × q·q ≥ 0 to it. Adagrad over all judgements at once, in single precision."""
    about, (items, codes) = known.about, content.shape
    count = np.bincount(about.user, minlength=about.users)
    random = np.random.default_rng(seed)
    of_code, own = (random.normal(0.0, START, (n, RANK)).astype(np.float32) for n in (codes, items))
    if not len(about):
        return np.zeros((items, RANK)), np.zeros((codes, RANK))
    content = content.astype(np.float32)
    user, item = about.user.astype(np.int32), about.item.astype(np.int32)
    start = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)

    def table(values: NDArray[np.floating[Any]]) -> sparse.csr_matrix:
        return sparse.csr_matrix((values.astype(np.float32), item, start), shape=(about.users, items))

    pull = (known.residual / np.sqrt(count + 1.0)[user]).astype(np.float32)
    pulls = table(pull)
    plain = (offset[item] + known.base[user]).astype(np.float32)
    squares = [np.full_like(of_code, 1e-8), np.full_like(own, 1e-8)]
    for _ in range(PASSES):
        q = own + content @ of_code
        z, of_item = pulls @ q, q[item]
        others = np.einsum("ij,ij->i", z[user], of_item) - pull * np.einsum("ij,ij->i", of_item, of_item)
        p = sigmoid(np.clip(plain + others, -30.0, 30.0))
        slope = (about.evidence * (p - about.like)).astype(np.float32)
        slopes = table(slope)
        of_q = (
            slopes.T @ z
            + pulls.T @ (slopes @ q)
            - 2.0 * sums(about.item, slope * pull, items).astype(np.float32)[:, None] * q
        )
        for values, square, gradient in zip((of_code, own), squares, (content.T @ of_q, of_q), strict=True):
            gradient = gradient + np.float32(PRECISION) * values
            square += gradient * gradient
            values -= np.float32(RATE) * gradient / np.sqrt(square)
    own[np.bincount(item, minlength=items) == 0] = 0.0
    return (own + content @ of_code).astype(np.float64), of_code.astype(np.float64)


def _prices(judged: Judgements, items: Items, like_rate: float) -> tuple[Floats, Floats, Floats]:
    """(edges, like rate in each band, share of what was seen in each band): bands in which equally much was seen."""
    price = items.price[judged.item]
    price = price[~np.isnan(price)]
    if not len(price):
        price = items.price[~np.isnan(items.price)]
    if not len(price):
        price = np.array([0.0, 1.0])
    edges = np.round(np.quantile(price, np.linspace(0, 1, BANDS + 1)), 4)
    band = bands(items.price, edges)[judged.item]
    known = band >= 0
    seen = sums(band[known], judged.evidence[known], BANDS)
    liked = sums(band[known], (judged.evidence * judged.like)[known], BANDS)
    return edges, (liked + 20 * like_rate) / (seen + 20), (seen + 1e-9) / np.sum(seen + 1e-9)


def _base_strength(about: Judgements, like_rate: float) -> float:
    """How many judgements the population's rate is worth against a user's own."""
    evidence = sums(about.user, about.evidence, about.users)
    liked = sums(about.user, about.evidence * about.like, about.users)
    return _likeliest(evidence[evidence > 0], liked[evidence > 0], np.float64(like_rate))


def _likeliest(evidence: Floats, liked: Floats, mean: "Floats | np.float64") -> float:
    """The strength of a beta prior with this mean under which the counts are most likely."""
    if not len(evidence):
        return 10.0
    mean = np.clip(mean, 0.01, 0.99)
    gain = [
        float(np.sum(betaln(k * mean + liked, k * (1 - mean) + evidence - liked) - betaln(k * mean, k * (1 - mean))))
        for k in STRENGTHS
    ]
    return float(STRENGTHS[int(np.argmax(gain))])


def _strengths(events: Events, model: TasteModel) -> Parameters:
    """Empirical Bayes: how far rates of liking for facet values and price bands spread, given how far they seem to."""
    p, items = model.parameters, model.items
    judged = judgements(events, p)
    known = residuals(judged, items.offset, p.base_variance)
    about = known.about
    cells = facet_cells(known, items, model.vocabulary)
    kind = model.vocabulary.kind[cells.code] if len(model.vocabulary) else np.zeros(0, np.int64)
    rate = (sums(about.user, about.evidence * about.like, about.users) + p.base_strength * p.like_rate) / (
        sums(about.user, about.evidence, about.users) + p.base_strength
    )
    strength = p.strength.copy()
    for number in range(len(FACETS)):
        mine = np.flatnonzero(kind == number)
        strength[number] = _likeliest(cells.evidence[mine], (cells.evidence * cells.rate)[mine], rate[cells.user[mine]])
    return replace(p, strength=strength, band_strength=_band_strength(judged, items, p))


def _band_strength(judged: Judgements, items: Items, p: Parameters) -> float:
    band = bands(items.price, p.price_edges)[judged.item]
    known = np.flatnonzero(band >= 0)
    slot, size = judged.user[known] * BANDS + band[known], judged.users * BANDS
    evidence = sums(slot, judged.evidence[known], size)
    liked = sums(slot, (judged.evidence * judged.like)[known], size)
    met = np.flatnonzero(evidence > 0)
    return _likeliest(evidence[met], liked[met], p.band_rate[met % BANDS])


def _scaled(model: TasteModel, scales: Scales) -> TasteModel:
    return replace(model, parameters=replace(model.parameters, **scales._asdict()))


def _scales(fitted: Callable[[Events], TasteModel], events: Events) -> Scales:
    """How far deviations for facet values and price slopes of one user spread: as far as predicts the last block of each user's
    judgements best, by the base rate and this one part alone."""
    known, asked = list(_of_users(events))[-1]
    history, future = events.take(known), _judged(events.take(asked))
    if len(future) < ENOUGH:
        return Scales(np.full(len(FACETS), 0.1), 0.1)
    model = fitted(history)
    losses = []
    for variance in VARIANCES:
        tried = _scaled(model, Scales(np.full(len(FACETS), variance), variance))
        made = dict(zip(PARTS, _parts(tried, history, future), strict=True))
        losses.append([log_loss(future.like, sigmoid(made["base"] + made[name])) for name in SPREAD])
    best = np.array(VARIANCES)[np.argmin(losses, axis=0)]
    facets = np.full(len(FACETS), 0.1)
    facets[list(ITEM_KINDS)] = best[:-1]
    return Scales(facets, float(best[-1]))


def _link(fitted: Callable[[Events], TasteModel], events: Events, seed: int) -> tuple[Floats, Floats]:
    """(link, its calibration on each user's latest block). The link is a logistic regression on the parts of the prediction of what
    came next, intercept first: after rolling moments of each user's own events and of the calendar, and after the first few events of
    users whom the model has not seen."""
    taught = []
    for known, asked in (*_of_calendar(events), *_of_users(events)):
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
    link = _regression(made, like, fair)
    made, like, _ = newest
    seasoned = familiarity(np.expm1(made[:, PARTS.index("log_user")]))
    return link, _calibration(link[0] + made @ link[1:], seasoned, like)


def _regression(made: Floats, like: Floats, fair: Floats) -> Floats:
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
    """(parts of the prediction of what was asked, whether it was liked, weight): a heavy user must not decide alone."""
    future = _judged(events.take(asked))
    made = np.stack(_parts(model, events.take(known), future), axis=1)
    return made, future.like, 1.0 / np.sqrt(np.bincount(future.user, minlength=events.users)[future.user])


def _parts(model: TasteModel, known: Events, future: Judgements) -> list[Floats]:
    of_users = Weights.of(profiles(known, model), model.vocabulary)
    return parts(of_users, future.user, future.item, model.items, model.vocabulary)


def _judged(events: Events) -> Judgements:
    judged = judgements(events, Weighing(half_life_days=1.0))
    return judged.take(~judged.price_only)


def _of_users(events: Events) -> Iterator[tuple[Mask, Mask]]:
    """(known, asked) after each cut of each user's own events."""
    rank, count = _rank(events), np.bincount(events.user, minlength=events.users)
    for cut, until in pairwise(CUTS):
        known = rank < np.floor(cut * count)[events.user]
        yield known, ~known & (rank < np.floor(until * count)[events.user])


def _of_calendar(events: Events) -> Iterator[tuple[Mask, Mask]]:
    """(known, asked) after each cut of everybody's time."""
    moments = np.quantile(events.at, CUTS) if len(events) else np.zeros(len(CUTS))
    for cut, until in pairwise(moments):
        yield events.at <= cut, (events.at > cut) & (events.at <= until)


def _rank(events: Events) -> Ints:
    """How many events of the user came before each."""
    count = np.bincount(events.user, minlength=events.users)
    return np.arange(len(events)) - (np.cumsum(count) - count)[events.user]


def _some_users(events: Events, most: int, seed: int) -> Events:
    """The events of as many users as have some `most` events together."""
    count = np.bincount(events.user, minlength=events.users)
    order = np.random.default_rng(seed).permutation(events.users)
    kept = np.zeros(events.users, bool)
    kept[order[: max(1, int(np.searchsorted(np.cumsum(count[order]), most, side="right")))]] = True
    return events.take(kept[events.user])


def _centres(events: Events, model: TasteModel, seed: int, previous: TasteModel | None) -> Floats:
    """Centres of the segments (k-means on users' vectors): the previous version's, moved to where its users are now, else the largest
    segment first."""
    from sklearn.cluster import KMeans

    p, items = model.parameters, model.items
    judged = judgements(events, p)
    vector = fold_in(residuals(judged, items.offset, p.base_variance), items.vector)
    distinct = len(np.unique(vector, axis=0)) if len(vector) else 0
    if distinct < SEGMENTS:
        return np.zeros((SEGMENTS, RANK))
    if previous is not None and previous.parameters.centres.any():
        before = previous.parameters.centres
        means = KMeans(SEGMENTS, init=before, n_init=1, tol=0.0, random_state=seed).fit(vector)
        return renumbered(means.cluster_centers_, before)
    means = KMeans(SEGMENTS, n_init=3, tol=0.0, random_state=seed).fit(vector)
    largest = np.argsort(-np.bincount(means.labels_, minlength=SEGMENTS), kind="stable")
    return np.asarray(means.cluster_centers_[largest])
