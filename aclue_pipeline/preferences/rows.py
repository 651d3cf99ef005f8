"""Profiles as rows of user_preferences in COPY's text format. Every column the pipeline fills is listed here; what the
numbers mean is the kernel's, when and where they are written the publisher's."""

from collections.abc import Sequence
from itertools import pairwise
from operator import add
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from aclue_pipeline.preferences.arrays import Events, Floats, Ints, Vocabulary
from aclue_pipeline.preferences.by_hand import ByHand
from aclue_pipeline.preferences.facets import FACETS, ITEM_KINDS, KIND, SCORE_DECIMALS
from aclue_pipeline.preferences.kernel import Profiles, profiles, sensitivity
from aclue_pipeline.preferences.model import TasteModel

#: In the order in which `lines` writes them; neighbours of one type are formatted together.
COLUMNS: Final = (
    "user_id",
    *(facet.column for facet in FACETS),
    "category_confidence",
    "liked_brands",
    "disliked_brands",
    "price_range",
    "ml_features",
    "embedding_vector",
    "total_swipes",
    "right_swipes",
    "left_swipes",
    "super_likes",
    "cluster_id",
    "engagement_rate",
    "price_sensitivity",
    "similarity_threshold",
    "data_quality_score",
    "confidence_level",
    "calculation_version",
)


def profile_lines(users: NDArray[np.void], events: Events, by_hand: ByHand | None, model: TasteModel) -> bytes:
    """The profiles of a block of users: columns in, lines out, and nothing else is asked, so that any process on any machine may do
    it. The bits are the same whatever other users are in the block."""
    return lines(users, profiles(events, model, by_hand), model)


def lines(users: NDArray[np.void], profiles: Profiles, model: TasteModel) -> bytes:
    """One line a user, fields in the order of COLUMNS; an empty one is NULL."""
    judged = ~np.isnan(profiles.cell_score)
    facets = _Facets(profiles, model.vocabulary, judged)
    weighed = facets if judged.all() else _Facets(profiles, model.vocabulary, np.ones_like(judged))
    ids = users.tobytes().hex()
    version = model.version.encode()
    price = _numbers(np.round(profiles.price, 2))
    features = zip(
        _numbers(np.stack([profiles.base, profiles.base_variance, profiles.slope], axis=1)),
        _numbers(profiles.recent),
        profiles.judged.tolist(),
        strict=True,
    )
    fields: list[Sequence[bytes]] = [
        [ids[i : i + 32].encode() for i in range(0, len(ids), 32)],
        *(facets.scores(kind, profiles.cell_score) for kind in range(len(FACETS))),
        facets.scores(KIND["category"], profiles.cell_confidence),
        facets.array(KIND["brand"], profiles.cell_verdict > 0),
        facets.array(KIND["brand"], profiles.cell_verdict < 0),
        [b"" if b"null" in one else b'{"min":%b,"sweet_spot":%b,"max":%b}' % tuple(one.split(b",")) for one in price],
        [
            b'{"model_version":"%b","base":%b,"base_variance":%b,"price_slope":%b,"recent":[%b],"judged":%d,"weights":{%b}}'
            % (version, *numbers.split(b","), recent, judged, weights)
            for (numbers, recent, judged), weights in zip(features, weighed.weights(), strict=True)
        ],
        [b"{%b}" % one for one in _numbers(profiles.vector)],
        [one.replace(b",", b"\t") for one in _numbers(_counts(profiles))],
        [one.replace(b",", b"\t") for one in _numbers(_shares(profiles))],
        [version] * len(users),
    ]
    text = b"\n".join(map(b"\t".join, zip(*fields, strict=True))) + b"\n"
    return text.replace(b"\\", b"\\\\")  # COPY's own escape character stands in quoted names only


def _numbers(table: NDArray[np.float64] | Ints) -> list[bytes]:
    """Each row of a table as comma-separated numbers, shortest form without loss."""
    if not len(table):
        return []
    return orjson.dumps(np.ascontiguousarray(table), option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")


def _counts(profiles: Profiles) -> Ints:
    columns = (profiles.total, profiles.right, profiles.left, profiles.super_likes, profiles.segment)
    return np.stack(columns, axis=1).astype(np.int64)


def _shares(profiles: Profiles) -> Floats:
    # The rate as the table's CHECK rounds it: halves up, in integers.
    total = np.maximum(profiles.total, 1)
    rate = (20_000 * profiles.right + total) // (2 * total) / 10_000
    scores = (sensitivity(profiles.slope), profiles.similarity, profiles.quality, profiles.confidence)
    return np.stack([rate, *(np.round(np.clip(score, 0.0, 1.0), 2) for score in scores)], axis=1)


class _Facets:
    """The cells of the profiles as text, facet by facet; each name, and each score there is, is rendered once."""

    def __init__(self, profiles: Profiles, vocabulary: Vocabulary, shown: NDArray[np.bool_]) -> None:
        self._profiles = profiles
        self._names = [orjson.dumps(name) for name in vocabulary.names]
        keys = [name + b":" for name in self._names]
        kinds = vocabulary.kind[profiles.cell_code]
        self._cells = [np.flatnonzero((kinds == kind) & shown) for kind in range(len(FACETS))]
        self._keys = [[keys[code] for code in profiles.cell_code[cells].tolist()] for cells in self._cells]
        everyone = np.arange(len(profiles) + 1)
        self._bounds = [np.searchsorted(profiles.cell_user[cells], everyone).tolist() for cells in self._cells]
        digits = 10**SCORE_DECIMALS
        self._score = [orjson.dumps(n / digits) for n in range(digits + 1)]

    def json(self, kind: int, numbers: list[bytes]) -> list[bytes]:
        """{"name":number,…} of one facet, per user."""
        entries = list(map(add, self._keys[kind], numbers))
        bounds = self._bounds[kind]
        return [b"{" + b",".join(entries[a:b]) + b"}" for a, b in pairwise(bounds)]

    def scores(self, kind: int, column: Floats) -> list[bytes]:
        """{"name":score,…} of one facet, per user."""
        rounded = np.round(column[self._cells[kind]] * 10**SCORE_DECIMALS).astype(np.int64)
        return self.json(kind, [self._score[score] for score in rounded.tolist()])

    def array(self, kind: int, chosen: NDArray[np.bool_]) -> list[bytes]:
        """An array of the names of one facet that are chosen, per user."""
        texts: list[bytes] = [b"{}"] * len(self._profiles)
        cells = self._cells[kind][chosen[self._cells[kind]]]
        names: dict[int, list[bytes]] = {}
        users, codes = self._profiles.cell_user[cells].tolist(), self._profiles.cell_code[cells].tolist()
        for user, code in zip(users, codes, strict=True):
            names.setdefault(user, []).append(self._names[code])
        for user, listed in names.items():
            texts[user] = b"{" + b",".join(listed) + b"}"
        return texts

    def weights(self) -> list[bytes]:
        """ "facet":{"name":weight,…},… of the products' facets, per user."""
        columns = []
        for kind in ITEM_KINDS:
            numbers = orjson.dumps(self._profiles.cell_weight[self._cells[kind]], option=orjson.OPT_SERIALIZE_NUMPY)
            columns.append(self.json(kind, numbers[1:-1].split(b",")))
        form = b",".join(b'"%b":%%b' % FACETS[kind].name.encode() for kind in ITEM_KINDS)
        return [form % row for row in zip(*columns, strict=True)]
