"""Training: from everybody's judgements to a version of the taste model. Deterministic: the same events, catalogue,
seed and previous version give the same version. The arithmetic of a profile is the kernel's; nothing here is needed to compute one."""

from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from aclue_pipeline.preferences.alignment import aligned, renumbered
from aclue_pipeline.preferences.arrays import Events, Floats, Items, Vocabulary, logit, sigmoid, sums
from aclue_pipeline.preferences.evidence import ENOUGH, Judgements, Weighing, judged_of, judgements, not_met_before
from aclue_pipeline.preferences.facets import BANDS, FACETS, ITEM_KINDS, RANK, SEGMENTS
from aclue_pipeline.preferences.kernel import (
    Residuals,
    bands,
    base_rates,
    facet_cells,
    fold_in,
    newton_step,
    residuals,
)
from aclue_pipeline.preferences.linking import PLAIN_LINK, link_of, of_users, parts_of, some_users
from aclue_pipeline.preferences.measures import log_loss
from aclue_pipeline.preferences.model import PARTS, Parameters, TasteModel, version_of
from aclue_pipeline.preferences.predictor import tempering
from aclue_pipeline.preferences.splits import Mask, last_fifth
from aclue_pipeline.preferences.weighing import HALF_LIVES, aged, surely_best, weighed

Sparse: TypeAlias = Any  # a scipy.sparse.csr_matrix: scipy is imported where something is fitted


class Spreads(NamedTuple):
    """How far products lie from what their content says, and users from the average one, log odds squared."""

    items: float = 0.5
    users: float = 0.5


class Scales(NamedTuple):
    """How far users' deviations spread, log odds squared: what is learned once and then stays."""

    facet_variance: Floats
    slope_variance: float


SPREAD: Final = (*(FACETS[kind].name for kind in ITEM_KINDS), "price")  # parts whose prior variance is chosen
#: Judgements' worth of prior that empirical Bayes chooses from. Below 5, three likes of three would beat ninety of a hundred.
STRENGTHS: Final = np.array([5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 40.0, 56.0, 80.0, 113.0])
VARIANCES: Final = (0.01, 0.03, 0.1, 0.3, 1.0)  # of a user's deviations, log odds squared
SPREADS: Final = (0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0)  # of products and of users
ROUNDS: Final = 12  # of alternating Newton steps for base rates and offsets
CONTENT_ROUNDS: Final = (2, 6, 10)  # in which the content's prior for offsets is fitted anew
PASSES: Final = 60  # of Adagrad over the vectors
RATE: Final = 0.1  # its first step
START: Final = 0.05  # how far the vectors spread before it
PRECISION: Final = 10.0  # of the prior of a vector's numbers
LINK_EVENTS: Final = 400_000  # enough for some thirty coefficients


def train(
    events: Events,
    items: Items,
    vocabulary: Vocabulary,
    half_life_days: float | None,
    seed: int,
    previous: TasteModel | None = None,
    weighing: Weighing | None = None,
) -> TasteModel:
    """A model version from the events of all (or a sample of) users and the catalogue's items, its vectors and segments as near to the
    previous version's as may be; without a half-life it is fitted, and how much else a signal says, unless a weighing is given.

    How far products, users and their tastes spread, how fast these age and what a signal says is learned once, by what predicts later
    judgements best, and stays what it is in everything that follows. The link, which weighs the parts of a prediction, is learned on
    judgements that came after those which all else was fitted to, for one such moment after the other; then all is fitted to all. One
    thread: its sums do not depend on the machine.
    """
    import scipy.optimize  # noqa: F401 - what is loaded later than it is limited is not
    import sklearn.cluster  # noqa: F401

    with threadpool_limits(1):
        taught = some_users(events, LINK_EVENTS, seed)
        by = weighing or Weighing(half_life_days=half_life_days or HALF_LIVES[0])
        moments = list(of_users(taught))
        known, asked = moments[-1]
        history, future = taught.take(known), _asked(taught, known, asked)
        spreads = _spreads(history, future, items, vocabulary)
        model = fit(history, items, vocabulary, by, seed, spreads)
        scales = _scales(model, history, future)
        if weighing is None:
            if half_life_days is None:
                by = aged(_scaled(model, scales), history, future)
            known = moments[1][0]  # half of it, so that there is much to ask for
            history, future = taught.take(known), _asked(taught, known, ~known)
            by = weighed(_scaled(fit(history, items, vocabulary, by, seed, spreads), scales), history, future, seed)

        def fitted(part: Events) -> TasteModel:
            return _scaled(fit(part, items, vocabulary, by, seed, spreads), scales)

        link, calibration = link_of(fitted, taught, seed)
        model = aligned(fitted(events), previous)
        centres = _centres(events, model, seed, previous)
        parameters = replace(_strengths(events, model), link=link, calibration=calibration, centres=centres)
    return replace(model, parameters=parameters, version=version_of(parameters, vocabulary, model.items))


def _asked(events: Events, known: Mask, asked: Mask) -> Judgements:
    return not_met_before(judged_of(events.take(asked)), events.take(known))


def split(events: Events) -> tuple[Events, Judgements]:
    """(events before, judgements after) a moment of each user: the last fifth of the judgements, without products met before."""
    judged = judged_of(events)
    count = np.bincount(judged.user, minlength=events.users)
    begin = np.cumsum(count) - count
    rank = np.arange(len(judged)) - begin[judged.user]
    held = rank >= (count - last_fifth(count))[judged.user]
    cut = np.full(events.users, np.iinfo(np.int64).max)
    np.minimum.at(cut, judged.user[held], judged.at[held])
    history = events.take(events.at < cut[events.user])
    future = judged.take(judged.at >= cut[judged.user])
    return history, not_met_before(future, history)


def fit(
    events: Events,
    items: Items,
    vocabulary: Vocabulary,
    weighing: Weighing,
    seed: int,
    spreads: Spreads = Spreads(),  # noqa: B008 - it cannot change
) -> TasteModel:
    """What a version says of products and of the population; scales, strengths, link and segments as they are without evidence.

    The weighing is for what users say of themselves: products are what they were while it was fitted, by the usual one."""
    judged = judgements(events, Weighing(half_life_days=weighing.half_life_days).scaled(events))
    about = judged.take(~judged.price_only)
    like_rate = _like_rate(about)
    content = _content(items, vocabulary)
    offset, _, (coefficients, intercept) = _biases(about, content, like_rate, spreads)
    vector, content_vector = _vectors(residuals(judged, offset, spreads.users), offset, content, seed)
    items = replace(items, offset=offset, count=sums(about.item, about.evidence, len(items)), vector=vector)
    edges, rate, seen = _prices(judged, items, like_rate)
    parameters = Parameters(
        **vars(weighing.scaled(events)),
        like_rate=like_rate,
        weighed_rate=like_rate,
        plain_odds=1.0,
        base_variance=spreads.users,
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


def _content(items: Items, vocabulary: Vocabulary) -> Sparse:
    """items × codes: 1 over the root of the number of values of that facet which the item has."""
    from scipy import sparse

    shape = (len(items), max(len(vocabulary), 1))
    return sparse.csr_matrix((np.ones(len(items.facet_codes)), items.facet_codes, items.facet_start), shape=shape)


def _ridge(content: Sparse, target: Floats, weight: Floats, strength: float) -> tuple[Floats, float]:
    """(coefficients, intercept) of a weighted ridge regression of one target."""
    from sklearn.linear_model import Ridge

    known = np.flatnonzero(weight > 0)
    if not len(known):
        return np.zeros(content.shape[1]), 0.0
    ridge = Ridge(alpha=strength, solver="sparse_cg", tol=1e-8)
    ridge.fit(content[known], target[known], sample_weight=weight[known])
    return np.asarray(ridge.coef_), float(ridge.intercept_)


def _like_rate(about: Judgements) -> float:
    return (float(np.sum(about.evidence * about.like)) + 1.0) / (float(np.sum(about.evidence)) + 2.0)


def _biases(
    about: Judgements, content: Sparse, like_rate: float, spreads: Spreads | None
) -> tuple[Floats, Spreads, tuple[Floats, float]]:
    """Item offsets beside user base rates, by alternating Newton steps on the log odds; an item's prior mean is what its content says.
    Without spreads the likeliest are learned along the way (EM).

    (offsets, spreads, (content coefficients, intercept))."""
    n_items = content.shape[0]
    prior = np.full(n_items, logit(like_rate))
    offset, base = prior.copy(), np.zeros(about.users)
    coefficients, intercept = np.zeros(content.shape[1]), logit(like_rate)
    seen = sums(about.item, about.evidence, n_items)
    met = np.bincount(about.user, minlength=about.users) > 0
    by = spreads or Spreads()
    for number in range(ROUNDS):
        log_odds = offset[about.item] + base[about.user]
        offset, of_item = newton_step(about, about.item, log_odds, offset, prior, by.items)
        log_odds = offset[about.item] + base[about.user]
        base, of_user = newton_step(about, about.user, log_odds, base, 0.0, by.users)
        if spreads is None:
            by = Spreads(_likely(offset - prior, of_item, seen > 0), _likely(base, of_user, met))
        if number in CONTENT_ROUNDS:
            coefficients, intercept = _ridge(content, offset, seen / (seen + 4 / by.items), 3.0)
            prior = np.asarray(content @ coefficients) + intercept
    offset = np.where(seen > 0, offset, prior)
    return offset, by, (coefficients, float(intercept))


def _likely(mode: Floats, variance: Floats, known: NDArray[np.bool_]) -> float:
    return float(np.clip(np.mean((mode**2 + variance)[known]), 0.02, 4.0)) if known.any() else 0.5


def _spreads(history: Events, future: Judgements, items: Items, vocabulary: Vocabulary) -> Spreads:
    """What predicts the future best; the likeliest (EM) where no other is surely better. That is too narrow where most products or users
    were judged a few times: strangers were told too little of the products."""
    judged, content = judgements(history, Weighing(half_life_days=1.0).scaled(history)), _content(items, vocabulary)
    about = judged.take(~judged.price_only)

    def biases(spreads: Spreads | None) -> tuple[Floats, Spreads]:
        return _biases(about, content, _like_rate(about), spreads)[:2]

    def lost(spreads: Spreads) -> Floats:
        offset, _ = biases(spreads)
        base, variance = base_rates(about, offset, spreads.users)
        log_odds = (offset[future.item] + base[future.user]) / tempering(variance[future.user])
        return sums(future.user, np.logaddexp(0.0, log_odds) - future.like * log_odds, future.users)

    _, found = biases(None)
    for name in Spreads._fields if len(future) >= ENOUGH else ():
        tried = (getattr(found, name), *SPREADS)
        spread, _ = surely_best(tried, [lost(found._replace(**{name: spread})) for spread in tried], 0.0)
        found = found._replace(**{name: spread})
    return found


def _vectors(known: Residuals, offset: Floats, content: Sparse, seed: int) -> tuple[Floats, Floats]:
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

    pull = (known.residual / np.sqrt(count + 1.0)[user]).astype(np.float32)
    pulls, slopes = (type(content)((data, item, start), shape=(about.users, items)) for data in (pull, pull.copy()))
    # The same numbers the other way round: with a new slope, both have it.
    content_t, pulls_t, slopes_t = content.T, pulls.T, slopes.T
    plain = (offset[item] + known.base[user]).astype(np.float32)
    squares = [np.full_like(of_code, 1e-8), np.full_like(own, 1e-8)]
    for _ in range(PASSES):
        q = own + content @ of_code
        z, of_item = pulls @ q, q[item]
        others = np.einsum("ij,ij->i", z[user], of_item) - pull * np.einsum("ij,ij->i", of_item, of_item)
        p = sigmoid(np.clip(plain + others, -30.0, 30.0))
        slopes.data[:] = about.evidence * (p - about.like)
        of_q = (
            slopes_t @ z
            + pulls_t @ (slopes @ q)
            - 2.0 * sums(about.item, slopes.data * pull, items).astype(np.float32)[:, None] * q
        )
        for values, square, gradient in zip((of_code, own), squares, (content_t @ of_q, of_q), strict=True):
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
    from scipy.special import betaln

    if not len(evidence):
        return 10.0
    mean = np.clip(mean, 0.01, 0.99)
    gain = [
        float(np.sum(betaln(k * mean + liked, k * (1 - mean) + evidence - liked) - betaln(k * mean, k * (1 - mean))))
        for k in STRENGTHS
    ]
    return float(STRENGTHS[int(np.argmax(gain))])


def _strengths(events: Events, model: TasteModel) -> Parameters:
    """Empirical Bayes: how far rates of liking for facet values and price bands spread, given how far they seem to; all of it by the
    weights by which users' rates are counted."""
    p, items = model.parameters, model.items
    judged = judgements(events, p)
    known = residuals(judged, items.offset, p.base_variance)
    about = known.about
    weighed_rate, plain_rate = _like_rate(about), (float(np.sum(about.like)) + 1.0) / (len(about) + 2.0)
    p = replace(
        p,
        weighed_rate=weighed_rate,
        plain_odds=float(np.exp(logit(plain_rate) - logit(weighed_rate))),
        base_strength=_base_strength(about, weighed_rate),
        band_rate=_prices(judged, items, weighed_rate)[1],
    )
    cells = facet_cells(known, items, model.vocabulary)
    kind = model.vocabulary.kind[cells.code] if len(model.vocabulary) else np.zeros(0, np.int64)
    rate = (sums(about.user, about.evidence * about.like, about.users) + p.base_strength * p.weighed_rate) / (
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


def _scales(model: TasteModel, history: Events, future: Judgements) -> Scales:
    """What predicts the future best: how far deviations for facet values and price slopes of one user spread, each beside the base rate
    alone."""
    facets = np.full(len(FACETS), 0.1)
    if len(future) < ENOUGH:
        return Scales(facets, 0.1)
    losses = []
    for variance in VARIANCES:
        tried = _scaled(model, Scales(np.full(len(FACETS), variance), variance))
        made = dict(zip(PARTS, parts_of(tried, history, future), strict=True))
        losses.append([log_loss(future.like, sigmoid(made["base"] + made[name])) for name in SPREAD])
    best = np.array(VARIANCES)[np.argmin(losses, axis=0)]
    facets[list(ITEM_KINDS)] = best[:-1]
    return Scales(facets, float(best[-1]))


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
