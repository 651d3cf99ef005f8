"""Which judgements are asked for, and which are known: pure functions over columns, one row a judgement. What is asked for is
always later than what is known, in the order of (time, place in the file): equal times keep their order."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from aclue_pipeline.preferences.arrays import Ints

Mask = NDArray[np.bool_]

#: What is known of a user whom the model has not seen, and how much of what comes next is asked for.
PREFIXES: Final = (0, 1, 2, 3, 5, 10)
NEXT: Final = 5


def last_fifth(count: Ints) -> Ints:
    """How many of a user's last n are asked for: ⌊n/5⌋, at least one from two on."""
    return np.where(count >= 2, np.maximum(count // 5, 1), 0)


def user_split(user: Ints, at: Ints, order: Ints) -> Mask:
    """The last fifth of each user's judgements."""
    sequence = np.lexsort((order, at, user))
    _, start, count = np.unique(user[sequence], return_index=True, return_counts=True)
    rank = np.arange(len(user)) - np.repeat(start, count)
    test = np.zeros(len(user), bool)
    test[sequence] = rank >= np.repeat(count - last_fifth(count), count)
    return test


def global_split(at: Ints) -> Mask:
    """All that is later than the 80 % quantile of time, which is a time at which something was judged: exact in whole numbers."""
    return at > np.quantile(at, 0.8, method="lower") if len(at) else np.zeros(0, bool)
