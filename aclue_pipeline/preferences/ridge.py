"""Ridge regression of one target on a sparse table of products' content, each product by its weight."""

from typing import Any

import numpy as np

from aclue_pipeline.preferences.arrays import Floats


def ridge(content: Any, target: Floats, weight: Floats, strength: float) -> tuple[Floats, float]:
    """(coefficients, intercept), by conjugate gradients: step for step those of scikit-learn's Ridge (sparse_cg), without what that
    looks at and transposes anew at each step."""
    from scipy import sparse
    from scipy.sparse.linalg import LinearOperator, cg

    known = np.flatnonzero(weight > 0)
    if not len(known):
        return np.zeros(content.shape[1]), 0.0
    rows, weight = content[known], weight[known]
    centre = rows.T @ weight / weight.sum()
    middle = np.average(target[known], weights=weight)
    root = np.sqrt(weight)
    rows, aim = sparse.dia_array((root, 0), shape=(len(known), len(known))) @ rows, (target[known] - middle) * root
    columns = rows.T

    def forth(x: Floats) -> Floats:
        return np.asarray(rows @ x - root * x.dot(centre))

    def back(x: Floats) -> Floats:
        return np.asarray(columns @ x - centre * x.dot(root))

    def solved(matvec: Any, aim: Floats) -> Floats:
        found, _ = cg(LinearOperator((len(aim), len(aim)), matvec=matvec, dtype=np.float64), aim, rtol=1e-8)
        return np.asarray(found)

    if content.shape[1] > len(known):
        found = back(solved(lambda x: forth(back(x)) + strength * x, aim))
    else:
        found = solved(lambda x: back(forth(x)) + strength * x, back(aim))
    return found, float(middle - centre @ found)
