"""A database for a whole file of troubles: each plants its own, and asks for its own."""

from collections.abc import Iterator

import pytest

from aclue_pipeline import health
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases
from tests.support.catalogs import CATALOG
from tests.support.troubles import run


def measured_last_week(db: Database) -> None:
    health.measure(db, CATALOG)
    run(db, "update analytics.table_sizes set day = day - 8, measured_at = measured_at - interval '8 days'")


@pytest.fixture(scope="module")
def db(server: EmbeddedServer) -> Iterator[Database]:
    """A deployed database whose sizes were measured eight days ago."""
    databases = Databases(server)
    db = databases.copy("deployed")
    measured_last_week(db)
    yield db
    databases.close()


@pytest.fixture(scope="module")
def admin(server: EmbeddedServer, db: Database) -> Iterator[Database]:
    """The same as the superuser."""
    databases = Databases(server)
    yield databases.admin(db)
    databases._open[0].close()
