"""Sales of a day shared among touches: against the best single query for the same rows, with ten times the history, and of one person
with a hundred thousand touches. The facts are drawn as they are kept, since nothing here judges them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived.days import replace_days
from aclue_pipeline.postgres import Database, script
from benchmarks import Result, by_hand, deployed_database, load, midnight

#: Clicks of the day, as many sessions, and a tenth of each on every one of the thirty days before.
CLICKS = 100_000
#: Touches of one person within a month; half of them are clicks, of which every fortieth sells.
TOUCHES = 100_000
RUNS = 5
CATALOG = Catalog.load()
TABLE = CATALOG.tables["analytics.attribution_daily"]
DAY = date(2026, 1, 15)
BY_HAND = (Path(__file__).parent / "attribution_by_hand.sql").read_text()


@contextmanager
def _facts(*loads: dict[str, Any]) -> Iterator[Database]:
    with deployed_database() as database:
        for n, one in enumerate(loads):
            defaults = {"tag": f"t{n}", "people": 1, "one": False}
            load(database, "attribution_data.sql", **{**defaults, **one, "first": midnight(one["first"])})
        yield database


def _seconds(database: Database, first: date = DAY, last: date = DAY) -> float:
    """Of building the days anew."""
    with database.begin() as connection:
        script(connection, "delete from analytics.attribution_daily")
    begun = time.perf_counter()
    results = replace_days(database, CATALOG, TABLE, first, last)
    assert all(result.rows for result in results)
    return time.perf_counter() - begun


def _by_hand(database: Database) -> float:
    bounds = {"start": midnight(DAY), "stop": midnight(DAY + timedelta(days=1))}
    return by_hand(database, BY_HAND, "attribution_daily", DAY, **bounds)


def measure() -> list[Result]:
    before = {"first": DAY - timedelta(days=30), "days": 30, "rows": 3 * CLICKS, "people": CLICKS}
    with _facts(before, {"first": DAY, "days": 1, "rows": CLICKS, "people": CLICKS}) as database:
        day = [(_seconds(database), _by_hand(database)) for _ in range(RUNS + 1)][1:]
    history = {"days": 1000, "rows": 300_000, "people": 3000}
    short = {"first": DAY - timedelta(days=99), "days": 100, "rows": 30_000, "people": 3000}
    with _facts(short) as few, _facts(history | {"first": DAY - timedelta(days=999)}) as many:
        turns = [(_seconds(many), _seconds(few)) for _ in range(2 * RUNS + 1)][1:]
    month = {"first": DAY - timedelta(days=29), "days": 30, "one": True}
    with _facts(month | {"rows": TOUCHES // 8}) as few, _facts(month | {"rows": TOUCHES // 2}) as many:
        hostile = [(_seconds(many, month["first"]), _seconds(few, month["first"])) for _ in range(3)][1:]
    return [
        Result("a day of attribution", [one / hand for one, hand in day], "ratio",
               f"{CLICKS:,} clicks and sessions of the day, every row written : the best single query for the same rows"),
        Result("a day of attribution, long history", [long / short for long, short in turns], "ratio",
               "1,000 days : 100 days, 300 clicks a day, of the same 3,000 people"),
        Result("a month of one person's touches", [more / few for more, few in hostile], "ratio",
               f"{TOUCHES:,} touches : a quarter of them; linear is 4"),
    ]  # fmt: skip
