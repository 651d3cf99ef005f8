"""A database with the five tables and nothing derived from them: what this room is about, whatever other rooms do."""

from collections.abc import Iterator

import pytest

from aclue_pipeline import schema
from aclue_pipeline.postgres import Database, app
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from tests.conftest import copy_of


def fingerprint(database: Database) -> str:
    with database.begin() as connection:
        return schema.fingerprint(connection)


@pytest.fixture(scope="session")
def five_tables(server: EmbeddedServer) -> str:
    """Name of the template: the app's tables in shape A and ours, all empty."""
    name = "five_tables"
    server.create_database(name)
    app.install(server.url(name, SUPERUSER), "a")
    database = Database(server.url(name))
    schema.deploy(database)
    database.close()
    return name


@pytest.fixture
def schema_db(databases, five_tables: str) -> Database:  # type: ignore[no-untyped-def]
    return databases.copy(five_tables)


@pytest.fixture(scope="module")
def standing(server: EmbeddedServer, five_tables: str) -> Iterator[Database]:
    """One copy for all tests of a file: each leaves it as it found it."""
    with copy_of(server, five_tables) as database:
        yield database
