"""What keeping the facts costs: of what changed against all of it, of ten dirty days against one, of a long history against a short
one, and of a day's views against a third of them. All clicks are judged by the server; the events are drawn there too."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import replace_days
from aclue_pipeline.derived.needed import needed
from aclue_pipeline.derived.statement import execute
from aclue_pipeline.postgres import Database, query, script
from benchmarks import Result, deployed_database, load, midnight, seconds

CLICKS = 300_000
DAYS = 1_000
VIEWS = 900_000
RUNS = 3
CATALOG = Catalog.load()
REVENUE = CATALOG.tables["analytics.revenue_daily"]
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


def _change(database: Database, which: str, **parameters: Any) -> None:
    with database.begin() as connection:
        query(connection, CHANGE + which, **parameters)


def _analyze(database: Database) -> None:
    with database.autocommit() as connection:
        script(connection, "vacuum analyze")


@dataclass(frozen=True)
class Shop:
    """A database with so many days of as many clicks and views each, synced and built."""

    database: Database
    first: date
    last: date
    judged: float  # seconds of the first sync

    def sync(self, *, full: bool = False) -> facts.Synced:
        return facts.sync(self.database, CATALOG, full=full)

    def rebuild(self, expected: int) -> None:
        dirty = needed(self.database, CATALOG, REVENUE, self.first, self.last)
        assert len(replace_days(self.database, CATALOG, REVENUE, dirty)) == expected

    def nightly(self) -> None:
        synced = self.sync()
        assert not sum(synced.written.values()) + synced.days
        self.rebuild(0)

    def dirty(self, run: int, count: int) -> float:
        """Seconds of rebuilding so many days of which one click has changed."""
        days = (self.last - self.first).days + 1
        which = [self.last - timedelta(days=days * (run + n) // 13) for n in range(count)]
        _change(self.database, ONE_EACH, starts=[midnight(day) for day in which])
        self.sync()
        return seconds(partial(self.rebuild, count))

    def changed(self, run: int) -> float:
        _change(self.database, ONE_PERCENT, run=run)
        return seconds(self.sync)


@contextmanager
def _shop(days: int) -> Iterator[Shop]:
    last = datetime.now(UTC).date() - timedelta(days=2)
    first = last - timedelta(days=days - 1)
    with deployed_database() as database:
        views = CLICKS * days // DAYS
        load(database, "facts_data.sql", tag="s", first=midnight(first), days=days, views=views, views_a_click=1)
        judged = seconds(lambda: facts.sync(database, CATALOG))
        _analyze(database)
        replace_days(database, CATALOG, REVENUE, first, last)
        yield Shop(database, first, last, judged)


def _histories() -> list[Result]:
    """A long history and a short one, open at once and measured in turns."""
    every = f"{CLICKS:,} clicks and views over {DAYS:,} days"
    tenth = f"{DAYS:,} days : {DAYS // 10} days, {CLICKS // DAYS:,} clicks a day"
    with _shop(DAYS // 10) as short, _shop(DAYS) as long:
        for shop in (short, long):
            shop.nightly()
        nothing = [seconds(long.nightly) / seconds(short.nightly) for _ in range(10 * RUNS)]
        weekly = seconds(lambda: long.sync(full=True))
        ones = [(long.dirty(run, 1), short.dirty(run, 1)) for run in range(RUNS)]
        tens = [long.dirty(run, 10) for run in range(RUNS)]
        changed = [long.changed(run) for run in range(RUNS)]
    return [
        Result("sync of 1 % changed clicks", [s / long.judged for s in changed], "ratio", f"{every} : judging all"),
        Result("weekly sync, nothing new", [weekly / long.judged], "ratio", f"{every} : judging all"),
        Result(
            "ten dirty days",
            [ten / one for ten, (one, _) in zip(tens, ones, strict=True)],
            "ratio",
            f"revenue_daily, {every} : one dirty day",
        ),
        Result("one dirty day, long history", [one / other for one, other in ones], "ratio", tenth),
        Result("nightly sync, nothing new", nothing, "ratio", f"{tenth}; no row written"),
    ]


def _views() -> list[Result]:
    """A day of three times the views against one of them, by table."""
    small, large = DAY, DAY + timedelta(days=40)
    of = f"{VIEWS:,} views and {VIEWS // 10:,} clicks in {VIEWS // 10:,} sessions : a third of each"
    results = []
    with deployed_database() as database:
        for tag, day, views in (("s", small, VIEWS // 3), ("l", large, VIEWS)):
            load(database, "facts_data.sql", tag=tag, first=midnight(day), days=1, views=views, views_a_click=10)
        facts.sync(database, CATALOG)
        _analyze(database)
        for name in ("product_revenue_daily", "session_steps", "session_funnel_daily"):
            table = CATALOG.tables[f"analytics.{name}"]
            runs = []
            for run in range(RUNS):
                if run:
                    with database.psycopg() as pg:
                        execute(pg, "delete from {table}", table)
                runs.append(
                    [seconds(partial(replace_days, database, CATALOG, table, day, day)) for day in (small, large)]
                )
            results.append(Result(f"a day of {name}", [more / few for few, more in runs], "ratio", of))
    return results


def measure() -> list[Result]:
    return _histories() + _views()
