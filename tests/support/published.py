"""A small demo of three months, published: facts, days and closed months. What it says, and what it would say if computed afresh."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from aclue_pipeline import derived
from aclue_pipeline.checks import of_file
from aclue_pipeline.demo.clock import ZONE
from aclue_pipeline.demo.load import load
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.revenue import closing
from aclue_pipeline.settings import get_settings
from tests.conftest import template
from tests.support.catalogs import CATALOG

DAYS = 92
YESTERDAY = datetime.now(ZONE).date() - timedelta(days=1)
FIRST = YESTERDAY - timedelta(days=DAYS - 1)
ALL_DAYS = [FIRST + timedelta(days=n) for n in range(DAYS)]

#: The month of sixty days ago: the last that is closed.
CLOSED = (YESTERDAY - timedelta(days=60)).replace(day=1)

TABLES = [table for table in CATALOG.tables.values() if table.kind in ("daily", "whole")]
DAILY = [table for table in TABLES if table.kind == "daily"]

#: Given at random, so that another computation has others; or of when something was first seen, which is now where nothing was known.
NUMBERS = {"session_number", "run_id", "computed_at", "publication", "source_max_updated_at", "clicks_followed"}
NUMBERS |= {f"{what}_reported{until}" for what in ("conversions", "commission") for until in ("", "_to_date")}

Rows = dict[str, list[tuple[Any, ...]]]


@template("deployed")
def published_demo(server: EmbeddedServer, name: str) -> None:
    """Three months of the demo, synced, every day built, months up to that of sixty days ago closed."""
    db = Database(server.url(name))
    load(db, users=150, days=DAYS)
    catch_up(db)
    while (month := closing.next_to_close(db, CATALOG)) is not None and month <= CLOSED:
        closing.close(db, CATALOG, month, "test")
    db.close()


@contextmanager
def only_these_days() -> Iterator[None]:
    """The settings of an installation that publishes the demo's days and no others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACLUE_FIRST_DAY", str(FIRST))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def catch_up(db: Database, *, full: bool = False) -> derived.Synced:
    """What the jobs do: sync, then build what is missing, outdated or dirty, and the whole tables."""
    synced = derived.sync(db, CATALOG, full=full)
    derived.rebuild(db, CATALOG, TABLES)
    return synced


def rebuilt(db: Database, *, restate: bool = False) -> set[tuple[str, date | None]]:
    """Rebuild every day and every whole table; what came out different."""
    moved: set[tuple[str, date | None]] = set()
    for key, result in derived.rebuild(db, CATALOG, TABLES, ALL_DAYS, restate=restate).items():
        if isinstance(result, list):
            moved |= {(key, day.day) for day in result if day.changed}
        elif result.changed:
            moved.add((key, None))
    return moved


def read(db: Database, *, without: set[str] | frozenset[str] = frozenset(NUMBERS)) -> Rows:
    """What every daily and whole table says."""
    return {table.name: _rows(db, f"select * from {table.key}", without) for table in TABLES}


def as_of(db: Database, at: datetime) -> Rows:
    """What each said at a time."""
    return {table.name: _rows(db, f"select * from history.{table.name}('{at}')", set()) for table in TABLES}


def _rows(db: Database, select: str, without: set[str] | frozenset[str]) -> list[tuple[Any, ...]]:
    with db.psycopg() as pg:
        cursor = pg.execute(select)
        keep = [n for n, column in enumerate(cursor.description or ()) if column.name not in without]
        return _sorted([tuple(row[n] for n in keep) for row in cursor.fetchall()])


def _sorted(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def afresh(db: Database) -> Rows:
    """What the tables would say if nothing had been known before: everything forgotten, synced and built anew. commission_monthly
    is left out, which remembers what was closed."""
    with db.psycopg() as pg:
        known = pg.execute(
            """select string_agg(format('%I.%I', schemaname, tablename), ', ') from pg_tables
               where schemaname in ('history', 'staging', 'analytics')
                   or schemaname = 'pipeline' and tablename not in ('tables', 'secrets')"""
        ).fetchone()
        assert known is not None
        pg.execute(f"truncate {known[0]}")
    catch_up(db)
    return live(read(db))


def live(rows: Rows) -> Rows:
    return {name: found for name, found in rows.items() if name != "commission_monthly"}


def red(db: Database) -> dict[str, str]:
    """Checks of revenue, funnel and staging that do not hold, with what they say."""
    files = [file for file in CATALOG.checks if file.path.parent.parent.name in ("revenue", "funnel", "staging")]
    judged = [of_file(file).judge(db) for file in files]
    return {judgement.check: judgement.sentence for judgement in judged if not judgement.passed}
