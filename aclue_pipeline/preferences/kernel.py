"""The kernel: profiles of a block of users from their events and one model version, and the probability that a profile
gives to a product. A profile depends on its own user's events only, to the last bit: sums run in the order of the events
(bincount), everything else is element by element. No database, no training, no formatting."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aclue_pipeline.preferences.arrays import (
    DISLIKE,
    LIKE,
    SUPER_LIKE,
    Events,
    Floats,
    Ints,
    Items,
    Vocabulary,
    by_odds,
    sigmoid,
    spread,
    sums,
)
from aclue_pipeline.preferences.by_hand import ByHand, Cells, filled, said_of_prices, with_what_is_said
from aclue_pipeline.preferences.evidence import Judgements, judgements, weights
from aclue_pipeline.preferences.facets import BANDS, CONTEXT_KINDS, FACETS, PROFILE_LIMIT, RANK, WEIGHT_DECIMALS
from aclue_pipeline.preferences.model import RECENT_DAYS, Parameters, TasteModel

NEWTON_STEPS = 8
Z90 = 1.6448536269514722  # 90 % credible interval
QUANTILES = (0.1, 0.5, 0.9)  # of what would be liked: min, sweet_spot, max


@dataclass(frozen=True)
class Residuals:
    """What judgements say beyond what their users' base rates and the products' offsets let expect."""

    about: Judgements  # those of products, not of prices
    base: Floats  # per user, log odds
    base_variance: Floats
    expected: Floats  # per judgement, as all that follows
    residual: Floats  # weight × (like − expected)


@dataclass(frozen=True)
class Profiles:
    """Profiles as columns. One row per user, and one per user and facet value under `cell_…`."""

    total: Ints
    right: Ints
    left: Ints
    super_likes: Ints
    judged: Ints  # products judged
    base: Floats  # log odds above the average user
    base_variance: Floats
    recent: Floats  # users × RECENT_DAYS: the base rate of late, log odds
    confidence: Floats  # 0 nothing known … 1
    quality: Floats  # 0 … 1
    price: Floats  # users × 3: min, sweet_spot, max; NaN where no price was seen
    slope: Floats  # log odds per unit of log relative price
    vector: Floats  # users × RANK
    similarity: Floats  # 0 … 1
    segment: Ints
    cell_user: Ints
    cell_code: Ints
    cell_score: Floats  # probability of a like; NaN: no judgement, only the user's word
    cell_confidence: Floats
    cell_verdict: Ints  # 1: surely above the user's own rate, -1: surely below, else 0
    cell_weight: Floats  # log odds

    def __len__(self) -> int:
        return len(self.total)


def profiles(events: Events, model: TasteModel, by_hand: ByHand | None = None) -> Profiles:
    """The profiles of all users of a block. A user without a judgement gets the population's values, confidence 0."""
    p, items, users = model.parameters, model.items, events.users
    judged = judgements(events, p)
    known = residuals(judged, items.offset, p.base_variance)
    about = known.about
    cells = facet_cells(known, items, model.vocabulary)
    score, confidence, verdict = _scores(cells, users, p, model.vocabulary.kind)
    kept = _most_evidence(cells, model.vocabulary.kind)
    slope, slope_curvature = price_slopes(judged, items, known.base)
    if by_hand is not None:
        cells, place, said = with_what_is_said(cells, by_hand, known.base, p, len(model.vocabulary))
        score, confidence = filled(score, place, len(said), np.nan), filled(confidence, place, len(said))
        verdict, kept = filled(verdict, place, len(said)), filled(kept, place, len(said)) | said
        gradient, curvature = said_of_prices(by_hand, known.base, p)
        slope, slope_curvature = slope + gradient, slope_curvature + curvature
    deviation = cells.gradient / (cells.curvature + 1.0 / p.facet_variance[model.vocabulary.kind[cells.code]])
    vector = fold_in(known, items.vector)
    count = np.bincount(about.user, minlength=users)
    return Profiles(
        **_counters(events),
        judged=count,
        base=np.round(known.base, WEIGHT_DECIMALS),
        base_variance=np.round(known.base_variance, WEIGHT_DECIMALS),
        recent=recent_rates(known, items.offset, p.base_variance),
        confidence=1.0 - known.base_variance / p.base_variance,
        quality=_quality(events, items, judged.overruled),
        price=_price_range(judged, events, items, p),
        slope=np.round(slope / (slope_curvature + 1.0 / p.slope_variance), WEIGHT_DECIMALS),
        vector=vector,
        similarity=_similarity(about, items.vector, vector),
        segment=_segment(vector, p.centres),
        cell_user=cells.user[kept],
        cell_code=cells.code[kept],
        cell_score=score[kept],
        cell_confidence=confidence[kept],
        cell_verdict=verdict[kept],
        cell_weight=np.round(deviation[kept], WEIGHT_DECIMALS),
    )


def _counters(events: Events) -> dict[str, Ints]:
    """Swipes as the app counts them: each one, repeats too; `seen` is neither right nor left."""
    times = {
        source: np.bincount(events.user[events.source == source], minlength=events.users)
        for source in (LIKE, SUPER_LIKE, DISLIKE)
    }
    right = times[LIKE] + times[SUPER_LIKE]
    return {"total": right + times[DISLIKE], "right": right, "left": times[DISLIKE], "super_likes": times[SUPER_LIKE]}


def base_rates(about: Judgements, offset: Floats, prior_variance: float) -> tuple[Floats, Floats]:
    """Each user's base rate against the offsets of what the user saw: posterior mode and variance, log odds.

    Without age: one more like never lowers it. A fixed number of Newton steps, so that no user waits for another.
    """
    base = np.zeros(about.users)
    seen = offset[about.item]
    for _ in range(NEWTON_STEPS):
        base, _ = newton_step(about, about.user, seen + base[about.user], base, 0.0, prior_variance)
    _, variance = newton_step(about, about.user, seen + base[about.user], base, 0.0, prior_variance)
    return base, variance


def recent_rates(known: Residuals, offset: Floats, prior_variance: float) -> Floats:
    """users × RECENT_DAYS: the base rate of late, to which a judgement adds half as much each so many days before the user's latest
    event; what is older speaks through the base rate, from which this one departs no more than users do from each other."""
    seen = offset[known.about.item]
    found = np.empty((known.about.users, len(RECENT_DAYS)))
    for column, days in enumerate(RECENT_DAYS):
        about = replace(known.about, evidence=known.about.evidence * np.exp2(-known.about.age / days))
        rate = known.base
        for _ in range(NEWTON_STEPS):
            rate, _ = newton_step(about, about.user, seen + rate[about.user], rate, known.base, prior_variance)
        found[:, column] = rate
    return np.round(found, WEIGHT_DECIMALS)


def newton_step(
    about: Judgements, group: Ints, log_odds: Floats, mode: Floats, prior: "Floats | float", prior_variance: float
) -> tuple[Floats, Floats]:
    """(where a damped Newton step takes each group's mode, its variance where it was): users' base rates and products' offsets,
    given the log odds of each judgement."""
    p = sigmoid(log_odds)
    gradient = sums(group, about.evidence * (about.like - p), len(mode)) - (mode - prior) / prior_variance
    curvature = sums(group, about.evidence * p * (1.0 - p), len(mode)) + 1.0 / prior_variance
    return mode + np.clip(gradient / curvature, -1.5, 1.5), 1.0 / curvature


def residuals(judged: Judgements, offset: Floats, prior_variance: float) -> Residuals:
    """Of the judgements about products."""
    about = judged.take(~judged.price_only)
    base, variance = base_rates(about, offset, prior_variance)
    expected = sigmoid(offset[about.item] + base[about.user])
    return Residuals(about, base, variance, expected, about.weight * (about.like - expected))


def facet_cells(known: Residuals, items: Items, vocabulary: Vocabulary) -> Cells:
    """Sums per user and facet value, over the product's values and the session's."""
    about, weight = known.about, known.about.weight
    owner, element = spread(items.facet_start, about.item)
    codes = [items.facet_codes[element]]
    owners = [owner]
    for column in range(len(CONTEXT_KINDS)):
        stated = np.flatnonzero(about.context[:, column] >= 0)
        owners.append(stated)
        codes.append(about.context[stated, column])
    row, code = np.concatenate(owners), np.concatenate(codes)
    size = max(len(vocabulary), 1)
    key, place = _grouped(about.user[row] * size + code, row)
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
    cell = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(key))))
    cells = len(starts)

    def total(values: Floats) -> Floats:
        return sums(cell, values[place], cells)

    aged = total(weight)
    liked = total(weight * about.like)
    return Cells(
        user=key[starts] // size,
        code=key[starts] % size,
        evidence=total(about.evidence),
        rate=np.divide(liked, aged, out=np.zeros_like(liked), where=aged > 0),
        gradient=total(known.residual),
        curvature=total(weight * known.expected * (1.0 - known.expected)),
    )


def _grouped(key: Ints, row: Ints) -> tuple[Ints, Ints]:
    """(keys ascending, their rows), rows of equal keys in order. Packed into one integer, which sorts fastest."""
    if not len(key):
        return key, row
    width = int(row.max()) + 1
    if int(key.max()) < (1 << 62) // width:
        packed = np.sort(key * width + row)
        return packed // width, packed % width
    order = np.lexsort((row, key))
    return key[order], row[order]


def own_rates(cells: Cells, kind: Ints, users: int, p: Parameters) -> Floats:
    """users × facets: the user's own rate in a facet, shrunk to the population's. Each value speaks as one draw from the
    user's taste, however often it was judged: a hundred judgements of one category say little about the others."""
    strength = p.strength[kind]
    says = cells.evidence * strength / (cells.evidence + strength)
    slot = cells.user * len(FACETS) + kind
    mass = sums(slot, says, users * len(FACETS)) + p.base_strength
    liked = sums(slot, says * cells.rate, users * len(FACETS)) + p.base_strength * p.weighed_rate
    return liked / mass


def _scores(cells: Cells, users: int, p: Parameters, kinds: Ints) -> tuple[Floats, Floats, Ints]:
    """Posterior mean, confidence and verdict of each cell: facet value → the user's own rate → population. A super-like weighs more than a
    dislike, so that a share by weight says more likes than there are: the mean is told as a share by head, the odds being corrected as for
    a sample in which likes are more frequent (King and Zeng 2001)."""
    kind = kinds[cells.code]
    own = own_rates(cells, kind, users, p)[cells.user * len(FACETS) + kind]
    strength = p.strength[kind]
    mass = cells.evidence + strength
    score = (cells.evidence * cells.rate + strength * own) / mass
    half_width = Z90 * np.sqrt(score * (1.0 - score) / (mass + 1.0))
    verdict = (score - half_width > own).astype(np.int64) - (score + half_width < own)
    return by_odds(score, p.plain_odds), cells.evidence / (mass + 1.0), verdict


def _most_evidence(cells: Cells, kinds: Ints) -> NDArray[np.bool_]:
    """The PROFILE_LIMIT values of each user and facet that rest on most evidence; ties go to the lower code."""
    slot = cells.user * len(FACETS) + kinds[cells.code]
    starts = np.flatnonzero(np.concatenate([[True], slot[1:] != slot[:-1]])) if len(slot) else np.zeros(0, np.int64)
    length = np.diff(np.append(starts, len(slot)))
    kept = np.ones(len(slot), bool)
    for start, size in zip(starts[length > PROFILE_LIMIT], length[length > PROFILE_LIMIT], strict=True):
        order = np.argsort(-cells.evidence[start : start + size], kind="stable")
        kept[start + order[PROFILE_LIMIT:]] = False
    return kept


def fold_in(known: Residuals, item_vector: Floats) -> Floats:
    """users × RANK: what was liked more than expected pulls, divided by the root of how much was judged."""
    about = known.about
    count = np.bincount(about.user, minlength=about.users)
    vector = np.empty((about.users, RANK))
    for d in range(RANK):
        column = np.ascontiguousarray(item_vector[:, d])
        vector[:, d] = sums(about.user, known.residual * column[about.item], about.users)
    return np.round(vector / np.sqrt(count + 1.0)[:, None], WEIGHT_DECIMALS)


def dot(a: Floats, b: Floats) -> Floats:
    """Row by row, dimension after dimension: no BLAS, whose order of summation may depend on the number of rows."""
    total = a[:, 0] * b[:, 0]
    for d in range(1, a.shape[1]):
        total = total + a[:, d] * b[:, d]
    return total


def _similarity(about: Judgements, item_vector: Floats, vector: Floats) -> Floats:
    """How alike to the profile what the user liked is: mean cosine of the likes, as ten judgements at 0.7 to begin with."""
    liked = np.flatnonzero(about.like > 0)
    user, item = about.user[liked], about.item[liked]
    of_item, of_user = item_vector[item], vector[user]
    norm = np.sqrt(dot(of_item, of_item) * dot(of_user, of_user))
    cosine = np.divide(dot(of_item, of_user), norm, out=np.zeros_like(norm), where=norm > 0)
    evidence = about.evidence[liked]
    total = sums(user, evidence * cosine, about.users) + 10 * 0.7
    return np.clip(total / (sums(user, evidence, about.users) + 10), 0.0, 1.0)


def _segment(vector: Floats, centres: Floats) -> Ints:
    """The nearest centre; the first of equally near ones."""
    best = np.full(len(vector), np.inf)
    segment = np.zeros(len(vector), np.int64)
    for number, centre in enumerate(centres):
        difference = vector - centre
        distance = dot(difference, difference)
        nearer = distance < best
        best = np.where(nearer, distance, best)
        segment[nearer] = number
    return segment


def _quality(events: Events, items: Items, overruled: Floats) -> Floats:
    """How complete and consistent the evidence is: the mean, over events, of what the catalogue knows of the product,
    halved where the event judges nothing, less the share of judgements that later ones contradict."""
    says = items.known[events.item] * np.where(events.value != 0, 1.0, 0.5)
    count = np.bincount(events.user, minlength=events.users)
    return sums(events.user, says, events.users) / np.maximum(count, 1) * (1.0 - overruled)


def bands(price: Floats, edges: Floats) -> Ints:
    """The price band of each price, -1 where it is unknown."""
    band = np.clip(np.searchsorted(edges, price, side="right") - 1, 0, BANDS - 1)
    return np.where(np.isnan(price), -1, band)


def _price_range(judged: Judgements, events: Events, items: Items, p: Parameters) -> Floats:
    """users × 3: quantiles of the prices the user would like if shown the population's mix of prices. What was liked is held
    against what was seen in each band; bands without evidence follow the population. NaN where no price was seen."""
    band_of = bands(items.price, p.price_edges)
    liked = _by_band(judged.user, band_of[judged.item], judged.evidence * judged.like, judged.users)
    seen = _by_band(judged.user, band_of[judged.item], judged.evidence, judged.users)
    unjudged = np.flatnonzero(events.value == 0)
    weight = weights(events, p)[unjudged] * p.weight_scale
    seen = seen + _by_band(events.user[unjudged], band_of[events.item[unjudged]], weight, judged.users)
    mass = (liked + p.band_strength * p.band_rate) / (seen + p.band_strength) * p.band_seen
    cumulative = np.cumsum(mass, axis=1)
    cumulative = np.concatenate([np.zeros((judged.users, 1)), cumulative], axis=1)
    found = np.stack([_quantile(cumulative, q, p.price_edges) for q in QUANTILES], axis=1)
    return np.where(seen.any(axis=1, keepdims=True), found, np.nan)


def _by_band(user: Ints, band: Ints, values: Floats, users: int) -> Floats:
    known = np.flatnonzero(band >= 0)
    return sums(user[known] * BANDS + band[known], values[known], users * BANDS).reshape(users, BANDS)


def _quantile(cumulative: Floats, q: float, edges: Floats) -> Floats:
    """Where each row's cumulative mass reaches q, linear within a band."""
    rows = np.arange(len(cumulative))
    goal = cumulative[:, -1] * q
    band = np.clip((cumulative <= goal[:, None]).sum(axis=1) - 1, 0, BANDS - 1)
    low, high = cumulative[rows, band], cumulative[rows, band + 1]
    share = np.divide(goal - low, high - low, out=np.zeros_like(goal), where=high > low)
    return edges[band] + np.clip(share, 0.0, 1.0) * (edges[band + 1] - edges[band])


def price_slopes(judged: Judgements, items: Items, base: Floats) -> tuple[Floats, Floats]:
    """How the log odds of a like change with the log of the price over the category's median: (gradient, curvature) at 0 per user."""
    relative = items.relative_price[judged.item]
    expected = sigmoid(items.offset[judged.item] + base[judged.user])
    gradient = sums(judged.user, judged.evidence * (judged.like - expected) * relative, judged.users)
    return gradient, sums(
        judged.user, judged.evidence * expected * (1.0 - expected) * relative * relative, judged.users
    )


def sensitivity(slope: Floats) -> Floats:
    """0 likes it dear … 0.5 does not care or is not known … 1 only cheap."""
    return sigmoid(-2.0 * slope)
