"""One revenue day of a million clicks: computed, compared and written, against the best single query that gives the same rows."""

import time
from datetime import UTC, date, datetime
from pathlib import Path

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import replace_days
from aclue_pipeline.postgres import Database, script
from benchmarks import Result, by_hand, deployed_database, load

CLICKS = 300_000
DAY = date(2026, 1, 15)
RUNS = 5
BY_HAND = (Path(__file__).parent / "revenue_by_hand.sql").read_text()


def _query(database: Database) -> float:
    bounds = {"start": datetime(2026, 1, 15, tzinfo=UTC), "stop": datetime(2026, 1, 16, tzinfo=UTC)}
    return by_hand(database, BY_HAND, "revenue_daily", DAY, **bounds)


def _day(database: Database, *, anew: bool) -> float:
    catalog = Catalog.load()
    if anew:
        with database.begin() as connection:
            script(connection, "delete from analytics.revenue_daily")
    begun = time.perf_counter()
    (result,) = replace_days(database, catalog, catalog.tables["analytics.revenue_daily"], DAY, DAY)
    assert result.changed is anew
    return time.perf_counter() - begun


def measure() -> list[Result]:
    with deployed_database() as database:
        load(database, "revenue_data.sql", clicks=CLICKS, day=datetime(2026, 1, 15, tzinfo=UTC))
        facts.sync(database, Catalog.load())
        with database.autocommit() as connection:
            script(connection, "vacuum analyze staging.click_facts")
        runs = [(_day(database, anew=True), _day(database, anew=False), _query(database)) for _ in range(RUNS + 1)][1:]
    of = f"{CLICKS:,} clicks of the day among {CLICKS * 11 // 10:,} : the best single query for the same rows"
    return [
        Result("revenue day, every row written", [written / by_hand for written, _, by_hand in runs], "ratio", of),
        Result("revenue day, nothing to write", [compared / by_hand for _, compared, by_hand in runs], "ratio", of),
    ]
