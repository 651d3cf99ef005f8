"""A database with the demo's rows, once for all tests of the jobs; each test that writes takes a copy."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from aclue_pipeline.definitions import run_job
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import copy_of
from tests.support.catalogs import CATALOG

USERS, DAYS = 60, 25
TEMPLATE = "defs_demo"


@pytest.fixture(scope="session")
def demo_template(server: EmbeddedServer) -> str:
    """Shape A, deployed, with a small demo in it; a template for copies."""
    from aclue_pipeline import derived, schema
    from aclue_pipeline.demo.load import load
    from aclue_pipeline.postgres import app
    from aclue_pipeline.postgres.server import SUPERUSER

    server.drop_database(TEMPLATE)
    server.create_database(TEMPLATE)
    app.install(server.url(TEMPLATE, SUPERUSER), shape="a")
    database = Database(server.url(TEMPLATE))
    schema.deploy(database)
    derived.ensure_tables(database, CATALOG)
    load(database, users=USERS, days=DAYS)
    database.close()
    return TEMPLATE


@pytest.fixture
def demo_db(server: EmbeddedServer, demo_template: str) -> Iterator[Database]:
    with copy_of(server, demo_template) as database:
        yield database


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


Run = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def run(demo_db: Database, instance: dg.DagsterInstance) -> Run:
    """Runs a job on the copy; `run("observe")`."""

    def run(name: str, **arguments: object) -> dg.ExecuteInProcessResult:
        return run_job(name, instance, database=demo_db, catalog=CATALOG, **arguments)  # type: ignore[arg-type]

    return run
