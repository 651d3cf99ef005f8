"""A database as production's runs see it: as the role that `aclue roles` makes for the pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg

from aclue_pipeline import schema
from aclue_pipeline.postgres import Database, app, script
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema import roles


class Seen(NamedTuple):
    """The same database, as each of these sees it."""

    pipeline: Database
    owner: Database
    admin: Database


@contextmanager
def pipelines_own(server: EmbeddedServer) -> Iterator[Seen]:
    """Shape A, deployed by its owner; nothing is derived yet."""
    name = "pipelines_own"
    server.create_database(name)
    app.install(server.url(name, SUPERUSER), shape="a")
    owner, admin = Database(server.url(name)), Database(server.url(name, SUPERUSER))
    schema.deploy(owner)
    roles.roles(admin)
    with admin.begin() as connection:
        script(connection, f"alter role {roles.PIPELINE} password 'narrow'")
    seen = Seen(Database(owner.url.replace(owner.url[13:].partition("@")[0], f"{roles.PIPELINE}:narrow")), owner, admin)
    try:
        yield seen
    finally:
        for database in seen:
            database.close()
        server.drop_database(name)
        with psycopg.connect(server.url("postgres", SUPERUSER), autocommit=True) as pg:  # roles are the whole server's
            for role in (roles.ANALYST, roles.PIPELINE, roles.DEPLOYER):
                pg.execute(f"drop role {role}")
