"""The predictor: a row of user_preferences and item rows of a model version → the probability of a like.
It reads the full-precision weights (ml_features, embedding_vector), never the rounded scores, and no event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aclue_pipeline.preferences.arrays import Floats, Ints, Items, Vocabulary, sigmoid, spread, sums
from aclue_pipeline.preferences.facets import FACETS, ITEM_KINDS, KIND, RANK
from aclue_pipeline.preferences.kernel import Profiles, dot
from aclue_pipeline.preferences.model import EVIDENCE, RECENT_DAYS, TasteModel


@dataclass(frozen=True)
class Weights:
    """What the predictor reads of profiles: weights sorted by user and code."""

    base: Floats
    base_variance: Floats
    recent: Floats
    judged: Floats
    slope: Floats
    vector: Floats
    cell_key: Ints  # user × vocabulary + code, ascending
    cell_weight: Floats

    @classmethod
    def of(cls, profiles: Profiles, vocabulary: Vocabulary) -> "Weights":
        key = profiles.cell_user * len(vocabulary) + profiles.cell_code
        return cls(
            profiles.base,
            profiles.base_variance,
            profiles.recent,
            profiles.judged.astype(np.float64),
            profiles.slope,
            profiles.vector,
            key,
            profiles.cell_weight,
        )

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any] | None], model: TasteModel) -> "Weights":
        """Rows of user_preferences as the database gives them; None stands for a user without a row."""
        features = [(row["ml_features"] if row else None) or _unknown(model) for row in rows]
        vectors = [row["embedding_vector"] if row and row["embedding_vector"] else [0.0] * RANK for row in rows]
        cells = sorted(
            (user * len(model.vocabulary) + code, weight)
            for user, feature in enumerate(features)
            for name, weights in feature["weights"].items()
            for value, weight in weights.items()
            if (code := model.vocabulary.code(KIND[name], value)) >= 0
        )

        def column(name: str) -> Floats:
            return np.array([feature[name] for feature in features], np.float64)

        return cls(
            base=column("base"),
            base_variance=column("base_variance"),
            recent=np.array([feature["recent"] for feature in features], np.float64).reshape(-1, len(RECENT_DAYS)),
            judged=column("judged"),
            slope=column("price_slope"),
            vector=np.array(vectors, np.float64).reshape(-1, RANK),
            cell_key=np.array([key for key, _ in cells], np.int64),
            cell_weight=np.array([weight for _, weight in cells], np.float64),
        )


def _unknown(model: TasteModel) -> dict[str, Any]:
    return {
        "base": 0.0,
        "base_variance": model.parameters.base_variance,
        "recent": [0.0] * len(RECENT_DAYS),
        "judged": 0,
        "price_slope": 0.0,
        "weights": {},
    }


def predict(row: Mapping[str, Any] | None, item: Ints, model: TasteModel) -> Floats:
    """The probability that the user of a row of user_preferences (None: an unknown user) likes each of the products.

    `item` counts in `model.items`. The row must be of this model version.
    """
    return probability(Weights.of_rows([row], model), np.zeros(len(item), np.int64), item, model)


def probability(weights: Weights, user: Ints, item: Ints, model: TasteModel) -> Floats:
    """The probability of a like for pairs of (profile, product)."""
    link = model.parameters.link
    score = np.full(len(user), link[0])
    for coefficient, part in zip(link[1:], parts(weights, user, item, model.items, model.vocabulary), strict=True):
        score = score + coefficient * part
    shift, slope = model.parameters.calibration
    return sigmoid(score + familiarity(weights.judged[user]) * (shift + slope * score))


def familiarity(judged: Floats) -> Floats:
    """How far what was learned of users' latest judgements holds: 0 for a stranger, 1 for whom there is no end of judgements."""
    return judged / (judged + 10.0)


def tempering(variance: Floats) -> Floats:
    """What log odds of this variance are divided by, for the mean of the probabilities."""
    return np.sqrt(1.0 + np.pi * variance / 8.0)


def parts(weights: Weights, user: Ints, item: Ints, items: Items, vocabulary: Vocabulary) -> list[Floats]:
    """What the link weighs for each pair, in the order of PARTS. The width of the base rate's posterior tempers it."""
    offset, log_item = items.offset[item], np.log1p(items.count[item])
    tempered = tempering(weights.base_variance[user])
    log_user = np.log1p(weights.judged[user])
    newness = 1.0 / (1.0 + log_user)
    made = {
        "base": (offset + weights.base[user]) / tempered,
        "moment": (offset + weights.recent[user, 0]) / tempered,
        "day": (offset + weights.recent[user, 1]) / tempered,
        "price": weights.slope[user] * items.relative_price[item],
        "vector": dot(weights.vector[user], items.vector[item]),
        **_facet_parts(weights, user, item, items, vocabulary),
    }
    evidence = [made[name] for name in EVIDENCE]
    return [*evidence, *(part * newness for part in evidence), offset, offset * log_item, log_item, log_user, newness]


def _facet_parts(weights: Weights, user: Ints, item: Ints, items: Items, vocabulary: Vocabulary) -> dict[str, Floats]:
    """Per facet of products the sum of the user's weights for the product's values, over the root of their number."""
    owner, element = spread(items.facet_start, item)
    code = items.facet_codes[element]
    key = user[owner] * len(vocabulary) + code
    found = np.searchsorted(weights.cell_key, key)
    if len(weights.cell_key):
        hit = weights.cell_key[np.minimum(found, len(weights.cell_key) - 1)] == key
        value = np.where(hit, weights.cell_weight[np.minimum(found, len(weights.cell_key) - 1)], 0.0)
    else:
        value = np.zeros(len(key))
    kind = vocabulary.kind[code]
    made = {}
    for number in ITEM_KINDS:
        mine = np.flatnonzero(kind == number)
        total = sums(owner[mine], value[mine], len(item))
        count = np.bincount(owner[mine], minlength=len(item))
        made[FACETS[number].name] = total / np.sqrt(np.maximum(count, 1))
    return made
