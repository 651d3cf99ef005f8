"""What is open, and how late sales come, over two years of clicks: against one pass over the clicks that a person would write for it."""

import time
from collections.abc import Callable
from pathlib import Path

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import replace_whole
from aclue_pipeline.postgres import Database, query, script
from benchmarks import Result, deployed_database

CLICKS = 300_000
RUNS = 5
DATA = (Path(__file__).parent / "money_data.sql").read_text()

OPEN_BY_HAND = """
select
    currency, affiliate_network,
    case when days <= 30 then '0-30' when days <= 60 then '31-60' when days <= 90 then '61-90' when days > 90 then '90+' end as age,
    count(*) filter (where is_converted and actual_commission is null) as sales,
    sum(expected_commission) filter (where actual_commission is null) as expected,
    sum(actual_commission) filter (where expected_commission is not null) as paid
from (
    select *, (now() at time zone 'Europe/London')::date - (converted_at at time zone 'Europe/London')::date as days
    from staging.click_facts where is_converted or actual_commission is not null
) as s
group by 1, 2, 3
"""
LAG_BY_HAND = """
select
    date_trunc('month', clicked_at at time zone 'Europe/London') as month, currency, affiliate_network,
    case when counted_as_converted then ceil(extract(epoch from counted_converted_at - clicked_at) / 86400) end as days,
    count(*) as clicks, sum(counted_commission) as commission
from staging.click_facts where verdict = 'valid' group by 1, 2, 3, 4
"""


def _query(database: Database, statement: str) -> float:
    with database.begin() as connection:
        return _timed(lambda: query(connection, statement))


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measure() -> list[Result]:
    catalog = Catalog.load()
    lag = catalog.table("conversion_lag")
    with deployed_database() as database:
        facts.sync(database, catalog)
        with database.begin() as connection:
            query(connection, DATA, clicks=CLICKS)
        with database.autocommit() as connection:
            script(connection, "vacuum analyze staging.click_facts")
        runs = [
            (
                _query(database, "select * from analytics.commission_open") / _query(database, OPEN_BY_HAND),
                _timed(lambda: replace_whole(database, catalog, lag)) / _query(database, LAG_BY_HAND),
            )
            for _ in range(RUNS + 1)
        ][1:]
    return [
        Result("open commission by age", [seen for seen, _ in runs], "ratio", f"{CLICKS:,} clicks : the same by hand"),
        Result(
            "conversion lag, nothing to write",
            [lasts for _, lasts in runs],
            "ratio",
            f"{CLICKS:,} clicks : one pass over them",
        ),
    ]
