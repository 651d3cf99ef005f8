"""A version's vectors and segments as near as may be to those of the version before it: what a consumer has cached, or a dashboard calls
segment 3, keeps its meaning. Vectors are turned as a whole, products', words' and centres' alike, so no prediction moves."""

from dataclasses import replace
from typing import Final

import numpy as np

from aclue_pipeline.preferences.arrays import Floats
from aclue_pipeline.preferences.model import TasteModel

#: Nearer than this is the same: training again on the same data must not make another version of rounding.
_SAME: Final = 1e-9


def aligned(model: TasteModel, previous: TasteModel | None) -> TasteModel:
    """The model with its vectors turned towards the previous one's."""
    if previous is None:
        return model
    _, mine, theirs = np.intersect1d(model.items.ids, previous.items.ids, assume_unique=True, return_indices=True)
    turn = rotation(model.items.vector[mine], previous.items.vector[theirs])
    p, before = model.parameters, previous.parameters
    parameters = replace(
        p,
        content_vector=_kept(p.content_vector @ turn, before.content_vector),
        centres=_kept(p.centres @ turn, before.centres),
    )
    vector = _kept(model.items.vector @ turn, previous.items.vector)
    return replace(model, parameters=parameters, items=replace(model.items, vector=vector))


def renumbered(centres: Floats, before: Floats) -> Floats:
    """The centres in the order in which they lie nearest to those before, all together (Hungarian)."""
    from scipy.optimize import linear_sum_assignment

    apart = ((before[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return _kept(centres[linear_sum_assignment(apart)[1]], before)


def rotation(vectors: Floats, towards: Floats) -> Floats:
    """The orthogonal matrix that takes the vectors nearest to the others, row by row (Procrustes)."""
    left, _, right = np.linalg.svd(vectors.T @ towards)
    return np.asarray(left @ right)


def _kept(values: Floats, before: Floats) -> Floats:
    same = values.shape == before.shape and np.allclose(values, before, rtol=0.0, atol=_SAME)
    return before if same else values
