"""Blocks of users on the workers of a Dask cluster (extra [dask]): `recalculate(db, over=over(client))`. Reading and writing stay where
they are; docs/scaling.md says what that is worth."""

import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from distributed import Client, Future

from aclue_pipeline.preferences.recalculation import Over

_AHEAD = 2  # blocks of each thread of a worker: one that is computed, one that waits


def over(client: Client) -> Over:
    """Calls in order on the cluster. What a worker had under way when it died is done again by another; the third death at the same
    block is an error."""

    def mapped(function: Callable[..., bytes], blocks: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        # A task, where scattered data would be lost with its workers: the model is sent again instead.
        shared = client.submit(_same, function, pure=False)
        under_way: deque[Future] = deque()
        for block in blocks:
            under_way.append(client.submit(operator.call, shared, *block, pure=False))
            if len(under_way) > _AHEAD * sum(client.nthreads().values()):
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    return mapped


def _same(function: Callable[..., bytes]) -> Callable[..., bytes]:
    return function
