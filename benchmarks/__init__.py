"""Measurements: claims of speed live here, as ratios taken side by side in one run. Tests are never timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from aclue_pipeline.evaluation import throwaway
from aclue_pipeline.postgres import Database, query, script

#: Not the empty ones: a table that was analyzed while it is empty is planned as an empty one by the first sync, which fills it.
FILLED = """select string_agg(oid::regclass::text, ', ') as names from pg_class
    where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'staging', 'analytics') and pg_relation_size(oid) > 0"""


@dataclass(frozen=True)
class Result:
    """Repeated values of one measurement; `unit` is "s", "ratio" or "1e-4" of log-loss, `of` says what was measured, and against what."""

    name: str
    values: list[float]
    unit: str
    of: str

    def spread(self) -> tuple[float, float, float]:
        return min(self.values), median(self.values), max(self.values)


@contextmanager
def deployed_database() -> Iterator[Database]:
    """An empty database of shape A with the five tables and every derived one, on a server of its own (fsync on)."""
    with throwaway.deployed_database() as (database, _):
        yield database


def load(database: Database, name: str, **parameters: Any) -> None:
    """Run this folder's file of that name, a statement at a time, and gather statistics of what it filled."""
    statements = (Path(__file__).parent / name).read_text().split(";\n")
    with database.begin() as connection:
        for statement in filter(str.strip, statements):
            query(connection, statement, **parameters)
    with database.autocommit() as connection:
        (tables,) = query(connection, FILLED)
        script(connection, f"vacuum analyze {tables['names']}")
