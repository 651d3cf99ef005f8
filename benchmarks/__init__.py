"""Measurements: claims of speed live here, as ratios taken side by side in one run. Tests are never timed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer


@dataclass(frozen=True)
class Result:
    """Repeated values of one measurement; `unit` is "s" or "ratio", `of` says what was measured, and against what."""

    name: str
    values: list[float]
    unit: str
    of: str

    def spread(self) -> tuple[float, float, float]:
        return min(self.values), median(self.values), max(self.values)


@contextmanager
def deployed_database() -> Iterator[Database]:
    """An empty database of shape A with the five tables and every derived one, on a server of its own (fsync on)."""
    from aclue_pipeline import derived, schema
    from aclue_pipeline.catalog import Catalog
    from aclue_pipeline.postgres import app

    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            app.install(server.url("aclue", SUPERUSER), shape="a")
            database = Database(server.url())
            schema.deploy(database)
            derived.ensure_tables(database, Catalog.load())
            yield database
            database.close()
        finally:
            server.stop()
