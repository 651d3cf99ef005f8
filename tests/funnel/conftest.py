"""One database for a whole file of random worlds."""

from collections.abc import Iterator

import pytest

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.worlds import database_of_worlds


@pytest.fixture(scope="module")
def world_db(server: EmbeddedServer) -> Iterator[Database]:
    with database_of_worlds(server) as db:
        yield db
