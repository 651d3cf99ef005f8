"""Training: from everybody's judgements to a version of the taste model. Deterministic: the same events, catalogue and
seed give the same version. The arithmetic of a profile is the kernel's; nothing here is needed to compute one."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import betaln

from aclue_pipeline.preferences.arrays import Events, Floats, Items, Vocabulary, logit, sigmoid, sums
from aclue_pipeline.preferences.evidence import Judgements, Weighing, judgements, weights
from aclue_pipeline.preferences.facets import BANDS, FACETS, RANK, SEGMENTS
from aclue_pipeline.preferences.kernel import (
    bands,
    facet_cells,
    fold_in,
    newton_step,
    price_slopes,
    profiles,
    residuals,
)
from aclue_pipeline.preferences.model import PARTS, Parameters, TasteModel, version_of
from aclue_pipeline.preferences.predictor import Weights, parts

#: Judgements' worth of prior that empirical Bayes chooses from. Below 5, three likes of three would beat ninety of a hundred.
STRENGTHS: Final = np.array([5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 40.0, 56.0, 80.0, 113.0])
VARIANCES: Final = np.array([0.003, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8, 1.5])
HELD_OUT: Final = 5  # the last ⌊n/5⌋ judgements of a user teach the link
ROUNDS: Final = 12  # of alternating Newton steps for base rates and offsets
CONTENT_ROUNDS: Final = (2, 6, 10)  # in which the content's prior for offsets is fitted anew
PLAIN_LINK: Final = np.array(
    [0.0, 1.0, *([0.5] * (len(PARTS) - 5)), 0.5, 0.5, 0.0, 0.0]
)  # until there is something to learn from


def train(events: Events, items: Items, vocabulary: Vocabulary, half_life_days: float, seed: int) -> TasteModel:
    """A model version from the events of all (or a sample of) users and the catalogue's items.

    The link, which weighs the parts of a prediction, is learned on each user's latest judgements with everything else
    fitted to the earlier ones; then all is fitted again to all.
    """
    history, future = split(events, half_life_days)
    before = fit(history, items, vocabulary, half_life_days, seed)
    link = _link(before, history, future, half_life_days)
    model = fit(events, items, vocabulary, half_life_days, seed)
    parameters = replace(model.parameters, link=link, centres=_centres(events, model, seed))
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
    """Everything of a version but the link and the segments."""
    weighing = Weighing(half_life_days=half_life_days)
    signed = events.value != 0
    mean = float(np.mean(weights(events, weighing)[signed])) if signed.any() else 1.0
    weighing = replace(weighing, weight_scale=1.0 / mean)
    judged = judgements(events, weighing)
    about = judged.take(~judged.price_only)
    like_rate = (float(np.sum(about.evidence * about.like)) + 1.0) / (float(np.sum(about.evidence)) + 2.0)
    content = _content(items, vocabulary)
    offset, base, base_variance, (coefficients, intercept) = _biases(about, len(items), content, like_rate)
    count = sums(about.item, about.evidence, len(items))
    vector, content_vector = _vectors(about, offset, base, content, count, seed)
    items = replace(items, offset=offset, count=count, vector=vector)
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
    )
    parameters = _strengths(judged, TasteModel("", parameters, vocabulary, items))
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
) -> tuple[Floats, Floats, float, tuple[Floats, float]]:
    """Item offsets and user base rates by alternating Newton steps on the log odds; how far users and items spread is
    learned along the way (EM), and an item's prior mean is what its content says.

    (offsets, base rates, variance of base rates, (content coefficients, intercept))."""
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
    return offset, base, user_variance, (coefficients[:, 0], float(intercept[0]))


def _spread(mode: Floats, variance: Floats, known: NDArray[np.bool_]) -> float:
    return float(np.clip(np.mean((mode**2 + variance)[known]), 0.02, 4.0)) if known.any() else 0.5


def _vectors(
    about: Judgements, offset: Floats, base: Floats, content: sparse.csr_matrix, count: Floats, seed: int
) -> tuple[Floats, Floats]:
    """(items × RANK, codes × RANK): directions in which users' residuals vary together (truncated SVD), items with few
    judgements drawn to what their content says. An average judged item has length 1."""
    from sklearn.decomposition import TruncatedSVD

    items = len(offset)
    residual = about.evidence * (about.like - sigmoid(offset[about.item] + base[about.user]))
    table = sparse.csr_matrix((residual, (about.user, about.item)), shape=(about.users, items))
    rank = min(RANK, min(table.shape) - 1)
    if rank < 1 or not residual.any():
        return np.zeros((items, RANK)), np.zeros((content.shape[1], RANK))
    svd = TruncatedSVD(rank, n_iter=7, random_state=seed).fit(table)
    raw = np.zeros((items, RANK))
    raw[:, :rank] = svd.components_.T * np.sqrt(svd.singular_values_ / max(svd.singular_values_[0], 1e-12))
    coefficients, _ = _ridge(content, raw, count / (count + 20.0), 3.0)
    share = (count / (count + 20.0))[:, None]
    vector = share * raw + (1 - share) * np.asarray(content @ coefficients)
    length = float(np.sqrt(np.average(np.sum(vector**2, axis=1), weights=count + 1e-12)))
    scale = 1.0 / length if length > 0 else 0.0
    return vector * scale, coefficients * scale


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


def _strengths(judged: Judgements, model: TasteModel) -> Parameters:
    """Empirical Bayes: how far facet values, price bands and price slopes of one user spread, given how far they seem to."""
    p, items = model.parameters, model.items
    known = residuals(judged, items.offset, p.base_variance)
    about = known.about
    cells = facet_cells(known, items, model.vocabulary)
    kind = model.vocabulary.kind[cells.code] if len(model.vocabulary) else np.zeros(0, np.int64)
    rate = (sums(about.user, about.evidence * about.like, about.users) + p.base_strength * p.like_rate) / (
        sums(about.user, about.evidence, about.users) + p.base_strength
    )
    strength, variance = p.strength.copy(), p.facet_variance.copy()
    for number in range(len(FACETS)):
        mine = np.flatnonzero(kind == number)
        strength[number] = _likeliest(cells.evidence[mine], (cells.evidence * cells.rate)[mine], rate[cells.user[mine]])
        variance[number] = _variance(cells.gradient[mine], cells.curvature[mine])
    gradient, curvature = price_slopes(judged, items, known.base)
    return replace(
        p,
        strength=strength,
        facet_variance=variance,
        band_strength=_band_strength(judged, items, p),
        slope_variance=_variance(gradient, curvature),
    )


def _variance(gradient: Floats, curvature: Floats) -> float:
    """The prior variance of deviations under which their gradients at zero are most likely."""
    known = np.flatnonzero(curvature > 1e-9)
    if not len(known):
        return float(VARIANCES[0])
    g, h = gradient[known], curvature[known]
    gain = [float(-np.sum(np.log(h + h * h * v) + g * g / (h + h * h * v))) for v in VARIANCES]
    return float(VARIANCES[int(np.argmax(gain))])


def _band_strength(judged: Judgements, items: Items, p: Parameters) -> float:
    band = bands(items.price, p.price_edges)[judged.item]
    known = np.flatnonzero(band >= 0)
    slot, size = judged.user[known] * BANDS + band[known], judged.users * BANDS
    evidence = sums(slot, judged.evidence[known], size)
    liked = sums(slot, (judged.evidence * judged.like)[known], size)
    met = np.flatnonzero(evidence > 0)
    return _likeliest(evidence[met], liked[met], p.band_rate[met % BANDS])


def _link(model: TasteModel, history: Events, future: Judgements, half_life_days: float) -> Floats:
    """Logistic regression on the parts of the prediction of each user's latest judgements; intercept first."""
    from sklearn.linear_model import LogisticRegression

    if len(future) < 200 or np.ptp(future.like) == 0:
        return PLAIN_LINK
    known = Weights.of(profiles(history, model), model.vocabulary)
    made = np.stack(parts(known, future.user, future.item, model.items, model.vocabulary), axis=1)
    scale = np.maximum(made.std(axis=0), 0.05)  # a part that is nearly constant must not explode
    # A heavy user must not decide alone how strangers are judged.
    fair = 1.0 / np.sqrt(np.bincount(future.user, minlength=history.users)[future.user])
    regression = LogisticRegression(C=1.0, tol=1e-8, max_iter=500).fit(
        made / scale, future.like, sample_weight=fair / fair.mean()
    )
    return np.concatenate([regression.intercept_, regression.coef_[0] / scale])


def _centres(events: Events, model: TasteModel, seed: int) -> Floats:
    """Centres of the segments (k-means on users' vectors), largest segment first."""
    from sklearn.cluster import KMeans

    p, items = model.parameters, model.items
    judged = judgements(events, p)
    vector = fold_in(residuals(judged, items.offset, p.base_variance), items.vector)
    centres = np.zeros((SEGMENTS, RANK))
    distinct = len(np.unique(vector, axis=0)) if len(vector) else 0
    if distinct >= SEGMENTS:
        means = KMeans(SEGMENTS, n_init=3, random_state=seed).fit(vector)
        largest = np.argsort(-np.bincount(means.labels_, minlength=SEGMENTS), kind="stable")
        centres = means.cluster_centers_[largest]
    return centres
