"""The tables of money over two years of clicks and of a large day, each against the best single query for the same rows."""

from datetime import UTC, date, datetime, timedelta

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import replace_days, replace_whole
from aclue_pipeline.postgres import Database, query, script
from benchmarks import Result, by_hand, deployed_database, load, queries, seconds

CLICKS = 300_000
SALES = 100_000
RUNS = 11
CATALOG = Catalog.load()
DAY = datetime(2026, 1, 15, tzinfo=UTC)
BOUNDS = {"start": DAY, "stop": DAY + timedelta(days=1)}
BY_HAND = queries("money_by_hand.sql")


def _open(database: Database) -> float:
    with database.begin() as connection:
        return seconds(lambda: query(connection, "select * from analytics.commission_open"))


def _whole(database: Database, name: str) -> float:
    return seconds(lambda: replace_whole(database, CATALOG, CATALOG.table(name)))


def _long_history() -> list[float]:
    with deployed_database() as few, deployed_database() as many:
        for database, days in ((few, 100), (many, 1_000)):
            facts.sync(database, CATALOG)
            first = DAY - timedelta(days=days - 1)
            load(database, "money_data.sql", clicks=300 * days, first=first, days=days, clicks_a_sale=1, lag="1 second")
        return [_day(many) / _day(few) for _ in range(2 * RUNS + 1)][1:]


def _day(database: Database) -> float:
    """Seconds of writing every row of the day."""
    with database.begin() as connection:
        script(connection, "delete from analytics.commission_daily")
    return seconds(lambda: replace_days(database, CATALOG, CATALOG.table("commission_daily"), DAY.date(), DAY.date()))


def measure() -> list[Result]:
    with deployed_database() as database:
        facts.sync(database, CATALOG)
        two_years = {"first": datetime(2024, 12, 1, tzinfo=UTC), "days": 700, "clicks_a_sale": 30, "lag": "5 days"}
        load(database, "money_data.sql", clicks=CLICKS, **two_years)
        replace_days(database, CATALOG, CATALOG.table("commission_daily"), date(2024, 12, 1), date(2027, 1, 31))
        runs = [
            [
                _open(database) / by_hand(database, BY_HAND["commission_open"], "commission_open"),
                *(
                    _whole(database, name) / by_hand(database, BY_HAND[name], name)
                    for name in ("conversion_lag", "commission_monthly")
                ),
            ]
            for _ in range(RUNS + 1)
        ][1:]
    with deployed_database() as database:
        facts.sync(database, CATALOG)
        load(database, "money_data.sql", clicks=SALES, first=DAY, days=0.9, clicks_a_sale=1, lag="1 second")
        days = [
            _day(database) / by_hand(database, BY_HAND["commission_daily"], "commission_daily", **BOUNDS)
            for _ in range(RUNS + 1)
        ][1:]
    opened, lags, months = zip(*runs, strict=True)
    of = f"{CLICKS:,} clicks of two years : the best single query for the same rows"
    return [
        Result("open commission by age", list(opened), "ratio", of),
        Result("conversion lag, nothing to write", list(lags), "ratio", of),
        Result("commission by month, nothing to write", list(months), "ratio", of),
        Result("a day of commission_daily, every row written", days, "ratio", f"{SALES:,} sales of the day : the same"),
        Result(
            "a day of commission_daily, long history",
            _long_history(),
            "ratio",
            "1,000 days of 300 sales : 100 such days",
        ),
    ]
