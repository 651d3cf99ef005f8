"""What looking at a database's health costs where there is much to look at: 2,000 tables with 5,000 indexes besides ours, and as many
statements in the server's statistics as it keeps."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from aclue_pipeline import health
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database
from benchmarks import Result, deployed_database

TABLES, INDEXES, STATEMENTS = 2_000, 5_000, 5_000
RUNS = 5

# An index goes to the tables in turn; each table's rows fill a page.
_TABLE = "create table public.t{0} as select n as a, n % 7 as b, md5(n::text) as c, now() as d, n as e from generate_series(1, 50) n"
_INDEX = "create index on public.t{0} ({1})"
_ASKED = "select a as c{0} from public.t{1} where b = 1"


def _fill(database: Database) -> None:
    with database.psycopg() as pg:
        for n in range(TABLES):
            pg.execute(_TABLE.format(n).encode())
        for n in range(INDEXES):
            pg.execute(_INDEX.format(n % TABLES, "abcde"[n // TABLES]).encode())
    # Not as aclue; a hundred of them often enough to be planned.
    with psycopg.connect(database.url, autocommit=True) as pg:
        for n in range(STATEMENTS):
            for _ in range(20 if n < 100 else 1):
                pg.execute(_ASKED.format(n, n % TABLES).encode())
    with database.apart() as pg:
        pg.execute("analyze")


def measure() -> list[Result]:
    catalog = Catalog.load()
    with deployed_database() as database:
        _fill(database)
        health.measure(database, catalog)
        looks = {name: _times(partial(health.examine, database, catalog, [name])) for name in health.looks(catalog)}
        sizes = _times(partial(health.measure, database, catalog))
    of = f"{TABLES:,} tables, {INDEXES:,} indexes, {STATEMENTS:,} statements"
    total = [sum(took) for took in zip(*looks.values(), strict=True)]
    return [
        Result("aclue health", total, "s", f"all findings; {of}"),
        *(Result(name, took, "s", "of them") for name, took in sorted(looks.items(), key=lambda one: -sum(one[1]))),
        Result("sizes remembered", sizes, "s", "one row a table"),
    ]


def _times(look: Callable[[], Any]) -> list[float]:
    took = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        look()
        took.append(time.perf_counter() - begun)
    return took
