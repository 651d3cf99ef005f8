"""Measurements: claims of speed live here, as ratios taken side by side in one run. Tests are never timed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
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


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def queries(name: str) -> dict[str, str]:
    """The queries of this folder's file of that name, each below its `-- name:`."""
    parts = (Path(__file__).parent / name).read_text().split("-- name: ")[1:]
    return {of: select for of, _, select in (part.partition("\n") for part in parts)}


def by_hand(database: Database, select: str, table: str, day: date | None = None, **bounds: Any) -> float:
    """Seconds of a query by hand, whose rows must be those that the table has, or has of the day."""
    with database.begin() as connection:
        begun = time.perf_counter()
        rows = query(connection, select, **bounds)
        took = time.perf_counter() - begun
        of = {"day": day} if day else {}
        published = query(connection, f"select * from analytics.{table}{' where day = :day' if day else ''}", **of)
    assert sorted(map(_plain, rows)) == sorted(_plain({name: row[name] for name in rows[0]}) for row in published)
    return took


def _plain(row: dict[str, Any]) -> str:
    """A count is a number, whether it was summed as numeric or not."""
    is_number = {name for name, value in row.items() if isinstance(value, int | float | Decimal)}
    return repr([Decimal(str(row[name])).normalize() if name in is_number else row[name] for name in row])


def load(database: Database, name: str, **parameters: Any) -> None:
    """Run this folder's file of that name, a statement at a time, and gather statistics of what it filled."""
    statements = (Path(__file__).parent / name).read_text().split(";\n")
    with database.begin() as connection:
        for statement in filter(str.strip, statements):
            query(connection, statement, **parameters)
    with database.autocommit() as connection:
        (tables,) = query(connection, FILLED)
        script(connection, f"vacuum analyze {tables['names']}")
