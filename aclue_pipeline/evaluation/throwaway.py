"""A database that is there for one piece of work: the app's tables and ours on an embedded server of its own, gone at the end."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aclue_pipeline import derived, schema
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database, app
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.settings import get_settings

#: Of postgresql.conf, for rows that can be read in again: nothing waits for the disk.
CARELESS: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
}


@contextmanager
def server(settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedServer]:
    with tempfile.TemporaryDirectory(prefix="aclue-") as folder:
        Path(folder).chmod(0o711)  # for a server that must not run as root; what it keeps in there is its own
        server = EmbeddedServer(Path(folder), get_settings().pg_bin, settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def deployed_database(
    settings: Mapping[str, str] | None = None, room: str | None = None
) -> Iterator[tuple[Database, Database]]:
    """An empty database of catalogue shape A with the five tables and the derived ones (of a room, or all): as its deployer sees it, and
    as the superuser does."""
    with server(settings) as own:
        app.install(own.url("aclue", SUPERUSER), shape="a")
        database, admin = Database(own.url()), Database(own.url("aclue", SUPERUSER))
        schema.deploy(database)
        derived.ensure_tables(database, Catalog.load(), room)
        yield database, admin
        database.close()
        admin.close()
