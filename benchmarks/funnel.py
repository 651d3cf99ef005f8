"""A day of the tables that are made of views, computed, compared and written, against the best single query that gives the same rows
(of session_steps, which has a row per session and path, an insert of them); and among ten times as many days."""

import time
from datetime import date, timedelta

from psycopg import sql

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import replace_days
from aclue_pipeline.derived.statement import execute, filled, listed
from aclue_pipeline.postgres import Database, script
from benchmarks import Result, by_hand, deployed_database, load, midnight, queries

VIEWS = 300_000
DAYS = 50
RUNS = 5
CATALOG = Catalog.load()
DAY = date(2026, 1, 15)
BY_HAND = queries("funnel_by_hand.sql")


def _fill(database: Database, first: date, days: int, views: int, tag: str) -> None:
    load(database, "facts_data.sql", tag=tag, first=midnight(first), days=days, views=views, views_a_click=10)
    load(database, "funnel_data.sql", first=midnight(first), days=days)


def _ready(database: Database) -> None:
    facts.sync(database, CATALOG)
    with database.autocommit() as connection:
        script(connection, "vacuum analyze")
    replace_days(database, CATALOG, CATALOG.tables["analytics.session_steps"], DAY, DAY)


def _day(database: Database, name: str) -> float:
    """Seconds of publishing the day for the first time."""
    table = CATALOG.tables[f"analytics.{name}"]
    with database.psycopg() as pg:
        execute(pg, "delete from {table}", table)
        execute(pg, "delete from pipeline.days where table_name = {key}", table)
    begun = time.perf_counter()
    (result,) = replace_days(database, CATALOG, table, DAY, DAY)
    assert result.changed
    return time.perf_counter() - begun


def _query(database: Database, name: str) -> float:
    bounds = {"start": midnight(DAY), "stop": midnight(DAY + timedelta(days=1))}
    return by_hand(database, BY_HAND[name], name, DAY, **bounds)


def _insert(database: Database) -> float:
    """Seconds of putting the rows of session_steps into a table with its key, by its own SELECT."""
    steps = CATALOG.tables["analytics.session_steps"]
    values = {"range_start": midnight(DAY), "range_end": midnight(DAY + timedelta(days=1))}
    with database.psycopg() as pg:
        execute(pg, "drop table if exists public.same_rows", steps)
        execute(
            pg, "create table public.same_rows (like {table} including defaults, primary key (day, session_number, path))", steps
        )  # fmt: skip
        pg.commit()
        begun = time.perf_counter()
        names = listed(column.name for column in steps.columns if not column.bookkeeping)
        pg.execute(sql.SQL("insert into public.same_rows ({}) {}").format(names, filled(pg, steps.sql, values)))
        pg.commit()
        return time.perf_counter() - begun


def _against_hand() -> list[Result]:
    with deployed_database() as database:
        _fill(database, DAY, 1, VIEWS, "day")
        _ready(database)
        runs = {name: [_day(database, name) / _query(database, name) for _ in range(RUNS + 1)][1:] for name in BY_HAND}
        runs["session_steps"] = [_day(database, "session_steps") / _insert(database) for _ in range(RUNS + 1)][1:]
    of = f"{VIEWS:,} views, {VIEWS // 10:,} clicks, sessions and recommendations : the best single query for the same rows"
    return [Result(f"a day of {name}, first published", ratios, "ratio", of) for name, ratios in runs.items()]


def _beside(long: Database, short: Database, name: str) -> list[float]:
    return [_day(long, name) / _day(short, name) for _ in range(RUNS + 1)][1:]


def _among_days() -> list[Result]:
    first = DAY - timedelta(days=DAYS // 2)
    with deployed_database() as short, deployed_database() as long:
        for database, days, begin in ((short, DAYS // 10, DAY - timedelta(days=DAYS // 20)), (long, DAYS, first)):
            _fill(database, begin, days, VIEWS // DAYS * days, "h")
            _ready(database)
        runs = {name: _beside(long, short, name) for name in BY_HAND}
        for database in (short, long):
            with database.autocommit() as connection:
                script(connection, "create index on public.recommendations (created_at)")
        shown = "recommendation_performance_daily"
        runs[f"{shown}, indexed by time"] = _beside(long, short, shown)
    of = f"{DAYS} days of {VIEWS // DAYS:,} views each : {DAYS // 10} of them"
    return [Result(f"a day of {name}, long history", ratios, "ratio", of) for name, ratios in runs.items()]


def measure() -> list[Result]:
    return _against_hand() + _among_days()
