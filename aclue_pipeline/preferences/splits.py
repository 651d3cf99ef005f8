"""Which judgements are asked for, and which are known: pure functions over columns, one row a judgement. What is asked for is
always later than what is known, in the order of (time, place in the file): equal times keep their order."""

import numpy as np
from numpy.typing import NDArray

from aclue_pipeline.preferences.arrays import Ints

Mask = NDArray[np.bool_]


def user_split(user: Ints, at: Ints, order: Ints) -> Mask:
    """The last ⌊n/5⌋ of each user's n judgements, at least one from two on."""
    sequence = np.lexsort((order, at, user))
    _, start, count = np.unique(user[sequence], return_index=True, return_counts=True)
    asked = np.where(count >= 2, np.maximum(count // 5, 1), 0)
    rank = np.arange(len(user)) - np.repeat(start, count)
    test = np.zeros(len(user), bool)
    test[sequence] = rank >= np.repeat(count - asked, count)
    return test


def global_split(at: Ints) -> Mask:
    """All that is later than the 80 % quantile of time, which is a time at which something was judged: exact in whole numbers."""
    return at > np.quantile(at, 0.8, method="lower") if len(at) else np.zeros(0, bool)
