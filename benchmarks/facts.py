"""What keeping the facts costs: of what changed against all of it, of ten dirty days against one, of a long history against a short
one, and of a day's views against a third of them. All clicks are judged by the server; the events are drawn there too."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import replace_days
from aclue_pipeline.derived.needed import needed
from aclue_pipeline.derived.statement import execute
from aclue_pipeline.postgres import Database, query, script
from benchmarks import Result, deployed_database, load

CLICKS = 300_000
DAYS = 1_000
VIEWS = 900_000
RUNS = 3
DAY = date(2026, 1, 15)
CHANGE = """update public.affiliate_clicks set is_converted = true, conversion_timestamp = click_timestamp + interval '1 hour',
    actual_commission = coalesce(actual_commission, 0) + 0.01 where """
ONE_EACH = """id in (
    select (
        select c.id from public.affiliate_clicks as c where c.click_timestamp > d + interval '1 hour' order by c.click_timestamp limit 1
    )
    from unnest(cast(:starts as timestamptz[])) as d
)"""
ONE_PERCENT = "abs(uuid_hash(id)::bigint) % 100 = :run"


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _change(database: Database, which: str, **parameters: Any) -> None:
    with database.begin() as connection:
        query(connection, CHANGE + which, **parameters)


def _analyze(database: Database) -> None:
    with database.autocommit() as connection:
        script(connection, "vacuum analyze")


def _midnights(days: list[date]) -> list[datetime]:
    return [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]


def _history(days: int) -> dict[str, list[float]]:
    """Seconds of all that is measured on a shop of so many days, all with the same number of clicks and views."""
    catalog = Catalog.load()
    table = catalog.tables["analytics.revenue_daily"]
    last = datetime.now(UTC).date() - timedelta(days=2)
    first = last - timedelta(days=days - 1)
    took: dict[str, list[float]] = {"all": [], "weekly": [], "1 %": [], "nothing": [], "1 day": [], "10 days": []}

    def rebuilt(expected: int) -> None:
        dirty = needed(database, catalog, table, first, last)
        assert len(replace_days(database, catalog, table, dirty)) == expected

    def nightly() -> None:
        synced = facts.sync(database, catalog)
        assert not sum(synced.written.values()) + synced.days
        rebuilt(0)

    with deployed_database() as database:
        load(
            database,
            "facts_data.sql",
            tag="s",
            first=_midnights([first])[0],
            days=days,
            views=CLICKS * days // DAYS,
            views_a_click=1,
        )
        took["all"].append(_seconds(lambda: facts.sync(database, catalog)))
        _analyze(database)
        replace_days(database, catalog, table, first, last)
        nightly()
        took["nothing"] = [_seconds(nightly) for _ in range(RUNS)]
        took["weekly"].append(_seconds(lambda: facts.sync(database, catalog, full=True)))
        for run in range(RUNS):
            for name, count in (("1 day", 1), ("10 days", 10)):
                dirty = [last - timedelta(days=days * (run + n) // 13) for n in range(count)]
                _change(database, ONE_EACH, starts=_midnights(dirty))
                facts.sync(database, catalog)
                took[name].append(_seconds(partial(rebuilt, count)))
        for run in range(RUNS):
            _change(database, ONE_PERCENT, run=run)
            took["1 %"].append(_seconds(lambda: facts.sync(database, catalog)))
    return took


def _views() -> dict[str, list[float]]:
    """A day of three times the views against one of them, by table."""
    catalog = Catalog.load()
    small, large = DAY, DAY + timedelta(days=40)
    ratios = {}
    with deployed_database() as database:
        for tag, day, views in (("s", small, VIEWS // 3), ("l", large, VIEWS)):
            load(database, "facts_data.sql", tag=tag, first=_midnights([day])[0], days=1, views=views, views_a_click=10)
        facts.sync(database, catalog)
        _analyze(database)
        for name in ("product_revenue_daily", "session_steps", "session_funnel_daily"):
            table = catalog.tables[f"analytics.{name}"]
            runs = []
            for run in range(RUNS):
                if run:
                    with database.psycopg() as pg:
                        execute(pg, "delete from {table}", table)
                runs.append(
                    [_seconds(partial(replace_days, database, catalog, table, day, day)) for day in (small, large)]
                )
            ratios[name] = [more / few for few, more in runs]
    return ratios


def measure() -> list[Result]:
    short, long = _history(DAYS // 10), _history(DAYS)
    every = f"{CLICKS:,} clicks and views over {DAYS:,} days"
    (everything,), (weekly,) = long["all"], long["weekly"]
    tenth = f"{DAYS:,} days : {DAYS // 10} days, {CLICKS // DAYS:,} clicks a day"
    results = [
        Result("sync of 1 % changed clicks", [s / everything for s in long["1 %"]], "ratio", f"{every} : judging all"),
        Result("weekly sync, nothing new", [weekly / everything], "ratio", f"{every} : judging all"),
        Result(
            "ten dirty days",
            _ratios(long["10 days"], long["1 day"]),
            "ratio",
            f"revenue_daily, {every} : one dirty day",
        ),
        Result("one dirty day, long history", _ratios(long["1 day"], short["1 day"]), "ratio", tenth),
        Result(
            "nightly sync, nothing new", _ratios(long["nothing"], short["nothing"]), "ratio", f"{tenth}; no row written"
        ),
    ]
    of = f"{VIEWS:,} views and {VIEWS // 10:,} clicks in {VIEWS // 10:,} sessions : a third of each"
    return results + [Result(f"a day of {name}", ratios, "ratio", of) for name, ratios in _views().items()]


def _ratios(values: list[float], others: list[float]) -> list[float]:
    return [value / other for value, other in zip(values, others, strict=True)]
