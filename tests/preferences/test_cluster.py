"""Profiles of blocks of users computed by two processes of a Dask cluster, of which one may die: the same bits."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database
from tests.conftest import Databases
from tests.preferences.database import fingerprints_in, profiles_in

pytestmark = [pytest.mark.database, pytest.mark.slow]

BLOCK = 150  # events, so that there are ten blocks


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None, local_directory=folder) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def same_rows(database: Database, databases: Databases) -> None:
    alone = databases.copy("profiled_shop")
    assert profiles_in(database) == profiles_in(alone)
    told = [{**row, "cut": None} for row in fingerprints_in(database)]
    assert told == [{**row, "cut": None} for row in fingerprints_in(alone)]


def test_two_workers_compute_the_rows_of_a_single_process(client: Any, databases: Databases) -> None:
    from aclue_pipeline.preferences.cluster import over

    computing = set[int]()

    def seen(compute: Callable[..., bytes], blocks: Iterable[Any]) -> Iterator[bytes]:
        def told(*block: Any) -> tuple[int, bytes]:
            return os.getpid(), compute(*block)

        for pid, text in over(client)(told, blocks):
            computing.add(pid)
            yield text

    shop = databases.copy("stocked_shop")
    assert preferences.recalculate(shop, full=True, block_events=BLOCK, over=seen).users == 60
    same_rows(shop, databases)
    assert len(computing - {os.getpid()}) == 2


def test_a_block_whose_worker_is_killed_is_computed_again(client: Any, databases: Databases) -> None:
    from aclue_pipeline.preferences.cluster import over

    before = client.run(os.getpid)

    def deadly(compute: Callable[..., bytes], blocks: Iterable[Any]) -> Iterator[bytes]:
        def slowly(*block: Any) -> bytes:
            time.sleep(0.2)
            return compute(*block)

        for number, text in enumerate(over(client)(slowly, blocks)):
            if number == 0:  # each has one under way and one that waits
                os.kill(min(before.values()), signal.SIGKILL)
            yield text

    shop = databases.copy("stocked_shop")
    assert preferences.recalculate(shop, full=True, block_events=BLOCK, over=deadly).users == 60
    same_rows(shop, databases)
    assert min(before.values()) not in client.run(os.getpid).values()
