"""The people of a day that ends a week and a month, against the best single query for the same rows, and among ten times as many days;
in seconds, what the whole tables of cohorts take over a history."""

import time
from datetime import date, datetime, timedelta
from pathlib import Path

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import replace_days, replace_whole
from aclue_pipeline.derived.statement import execute
from aclue_pipeline.postgres import Database, script
from benchmarks import Result, by_hand, deployed_database, load, midnight, seconds

A_DAY = 3_000  # sessions, and as many clicks
DAYS = 310
RUNS = 3
CATALOG = Catalog.load()
PEOPLE = CATALOG.tables["analytics.people_active"]
WHOLE = ("retention_weekly", "cohort_value_monthly")
DAY = date(2026, 5, 31)  # a Sunday
BY_HAND = (Path(__file__).parent / "people_by_hand.sql").read_text()


def _fill(database: Database, days: int) -> None:
    """So many days up to the day."""
    load(database, "people_data.sql", first=_opens(DAY - timedelta(days=days - 1)), days=days, sessions=A_DAY * days)
    facts.sync(database, CATALOG)
    with database.autocommit() as connection:
        script(connection, "vacuum analyze")


def _opens(day: date) -> datetime:
    """Its midnight in London's summer or winter, as the reporting zone has it."""
    return midnight(day) - timedelta(hours=date(2026, 3, 29) < day)


def _day(database: Database) -> float:
    """Seconds of writing every row of the day."""
    with database.psycopg() as pg:
        execute(pg, "delete from {table}", PEOPLE)
    begun = time.perf_counter()
    (result,) = replace_days(database, CATALOG, PEOPLE, DAY, DAY)
    assert result.rows == 3
    return time.perf_counter() - begun


def _query(database: Database) -> float:
    starts = {
        "start": DAY,
        "stop": DAY + timedelta(days=1),
        "week": DAY - timedelta(days=6),
        "month": DAY.replace(day=1),
    }
    return by_hand(database, BY_HAND, "people_active", DAY, **{name: _opens(day) for name, day in starts.items()})


def _whole(database: Database, name: str) -> float:
    return seconds(lambda: replace_whole(database, CATALOG, CATALOG.tables[f"analytics.{name}"]))


def measure() -> list[Result]:
    with deployed_database() as short, deployed_database() as long:
        for database, days in ((short, DAYS // 10), (long, DAYS)):
            _fill(database, days)
        by_hand = [_day(short) / _query(short) for _ in range(RUNS + 1)][1:]
        longer = [_day(long) / _day(short) for _ in range(RUNS + 1)][1:]
        wholes = {name: [_whole(long, name) for _ in range(RUNS)] for name in WHOLE}
    a_day = f"{A_DAY:,} sessions and as many clicks a day"
    events = f"{A_DAY * DAYS:,} sessions and as many clicks in {DAYS} days"
    return [
        Result(
            "people_active, last day of a week and month",
            by_hand,
            "ratio",
            f"{DAYS // 10} days, {a_day} : the best single query",
        ),
        Result("the same, long history", longer, "ratio", f"{DAYS} days : {DAYS // 10} days, {a_day}"),
        *(Result(name, took, "seconds", events) for name, took in wholes.items()),
    ]
