"""A version of the taste model: all that a profile is computed from beside the user's own events.
What it is fitted by belongs to training, what is done with it to the kernel, how it is stored to the store."""

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from aclue_pipeline.preferences.arrays import Floats, Items, Vocabulary, spread, sums
from aclue_pipeline.preferences.evidence import Weighing
from aclue_pipeline.preferences.facets import FACETS, ITEM_KINDS, RANK

#: Of versions that profiles of this release can be computed with; one that begins otherwise is trained anew.
FORMAT: Final = "2-"
#: Half-lives of a user's base rate of late: of this moment and of this day.
RECENT_DAYS: Final = (5 / 1440, 1.0)
#: What says that this user likes this product. More of it never says less: the link weighs it by 0 or more.
EVIDENCE: Final = ("base", "moment", "day", *(FACETS[kind].name for kind in ITEM_KINDS), "price", "vector")
COUNTS: Final = ("log_item", "log_user", "newness")
#: What the link weighs, in this order: see predictor.parts.
PARTS: Final = (*EVIDENCE, *(f"{name}_when_new" for name in EVIDENCE), "offset", "offset_log_item", *COUNTS)


@dataclass(frozen=True, kw_only=True)
class Parameters(Weighing):
    """The numbers of a model version; arrays are named for their axis."""

    like_rate: float  # of the population, each judgement by the usual weights, as products see it
    weighed_rate: float  # the same by this version's weights, as users' rates are shrunk to it
    plain_odds: float  # the odds of a like where each judgement counts as one, over those of weighed_rate
    base_variance: float  # of users' base rates, log odds
    base_strength: float  # judgements' worth of the population's rate in a user's own rate
    strength: Floats  # per facet: judgements' worth of the user's own rate in a facet value's score
    facet_variance: Floats  # per facet: of a user's deviation for one value, log odds
    band_strength: float  # the same for a price band
    slope_variance: float  # of users' price slopes, log odds per unit of log relative price
    price_edges: Floats  # BANDS + 1, currency units
    band_rate: Floats  # BANDS: like rate of the population in each price band
    band_seen: Floats  # BANDS: share of what was seen, sums to 1
    content_offset: Floats  # per facet code: what a value adds to the offset of a product nobody has judged
    content_intercept: float
    content_vector: Floats  # codes × RANK
    centres: Floats  # SEGMENTS × RANK
    link: Floats  # intercept, then PARTS
    calibration: Floats  # intercept and slope beyond 1 of what the link says, as far as a user is known: see predictor.familiarity

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, as JSON stores them without loss."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: v.tolist() if isinstance(v, np.ndarray) else float(v) for name, v in values.items()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Parameters":
        rank = len(stored["centres"][0])
        stored = {"weighed_rate": stored["like_rate"], "plain_odds": 1.0} | stored  # of a version that told neither
        made: dict[str, Any] = {}
        for field in fields(cls):
            if field.name == "plausible" and field.name not in stored:
                continue  # of a version before any was told
            value = stored[field.name]
            columns = {"content_vector": rank, "centres": rank, "plausible": 2}
            if isinstance(value, list):
                shape = (-1, columns[field.name]) if field.name in columns else (-1,)
                made[field.name] = np.array(value, np.float64).reshape(shape)
            else:
                made[field.name] = float(value)
        return cls(**made)


@dataclass(frozen=True)
class TasteModel:
    """Parameters, the vocabulary of facet values and the products as this version sees them."""

    version: str
    parameters: Parameters
    vocabulary: Vocabulary
    items: Items


def guessed(items: Items, parameters: Parameters) -> Items:
    """Products that came after training: offset and vector are what their content says, and rest on no judgement."""
    owner, element = spread(items.facet_start, np.arange(len(items)))
    code = items.facet_codes[element]

    def content(coefficients: Floats) -> Floats:
        return sums(owner, coefficients[code], len(items))

    vector = [content(np.ascontiguousarray(parameters.content_vector[:, d])) for d in range(RANK)]
    return replace(
        items,
        offset=content(parameters.content_offset) + parameters.content_intercept,
        count=np.zeros(len(items)),
        vector=np.stack(vector, axis=1),
    )


def version_of(parameters: Parameters, vocabulary: Vocabulary, items: Items) -> str:
    """A name that says the content: training again on the same data, beside the same current version, gives the same."""
    digest = hashlib.sha256()
    for value in parameters.as_dict().values():
        digest.update(repr(value).encode())
    digest.update(repr(vocabulary.values).encode())
    for field in fields(items):
        digest.update(np.ascontiguousarray(getattr(items, field.name)).tobytes())
    return f"{FORMAT}{digest.hexdigest()[:12]}"
