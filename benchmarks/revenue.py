"""One revenue day at a million clicks, against reading and sorting that day's clicks: the least any report of it could do."""

import time
from datetime import UTC, date, datetime
from pathlib import Path

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived.days import replace_days
from aclue_pipeline.postgres import Database, query, script
from benchmarks import Result, deployed_database

CLICKS = 1_000_000
DAY = date(2026, 1, 15)
RUNS = 3
SORT = """select count(*) from (
    select * from public.affiliate_clicks where click_timestamp >= :start and click_timestamp < :end
    order by affiliate_network, source_page, device_type, session_id offset 0
) as sorted"""


def _load(database: Database) -> None:
    statements = (Path(__file__).parent / "revenue_data.sql").read_text()
    with database.begin() as connection:
        for statement in statements.split(";\n"):
            if statement.strip():
                query(connection, statement, clicks=CLICKS, day=datetime(2026, 1, 15, tzinfo=UTC))
    with database.autocommit() as connection:
        script(connection, "vacuum analyze public.affiliate_clicks")
        script(connection, "analyze public.products")


def _sort(database: Database) -> float:
    bounds = {"start": datetime(2026, 1, 15, tzinfo=UTC), "end": datetime(2026, 1, 16, tzinfo=UTC)}
    with database.begin() as connection:
        begun = time.perf_counter()
        assert query(connection, SORT, **bounds)[0]["count"] == CLICKS
        return time.perf_counter() - begun


def _day(database: Database) -> float:
    catalog = Catalog.load()
    begun = time.perf_counter()
    (result,) = replace_days(database, catalog, catalog.tables["analytics.revenue_daily"], DAY, DAY)
    assert result.rows > 0
    return time.perf_counter() - begun


def measure() -> list[Result]:
    with deployed_database() as database:
        _load(database)
        pairs = [(_day(database), _sort(database)) for _ in range(RUNS + 1)][1:]
    ratios = [day / floor for day, floor in pairs]
    return [Result("revenue day", ratios, "ratio", f"{CLICKS:,} clicks computed and compared : read and sorted")]
