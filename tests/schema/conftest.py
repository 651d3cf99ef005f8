"""A database with the five tables and nothing derived from them: what this room is about, whatever other rooms do."""

import pytest

from aclue_pipeline import schema
from aclue_pipeline.postgres import Database, app
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer


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
