"""Whatever is killed, runs at once or is written meanwhile: the next run ends where a computation on an empty database does."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from tests.conftest import Databases
from tests.support import published
from tests.support.catalogs import CATALOG
from tests.support.published import YESTERDAY, afresh, catch_up, live, read, rebuilt, red

pytestmark = pytest.mark.database

WORK = """
import os, sys, time
from aclue_pipeline import derived
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database

catalog, db, until = Catalog.load(), Database(os.environ["DEMO_URL"]), float(sys.argv[2])
tables = [table for table in catalog.tables.values() if table.kind in ("daily", "whole")]
print("begin", flush=True)
while True:
    if "sync" in sys.argv[1]:
        derived.sync(db, catalog, full="full" in sys.argv[1])
    if "rebuild" in sys.argv[1]:
        derived.rebuild(db, catalog, tables)
    if time.time() >= until:
        break
"""


@pytest.fixture(scope="module", autouse=True)
def _settings() -> Iterator[None]:
    with published.only_these_days():
        yield


@pytest.fixture
def demo(databases: Databases) -> Database:
    return databases.copy("published_demo")


def start(db: Database, what: str, until: float = 0) -> "subprocess.Popen[str]":
    """A process of its own that syncs or rebuilds, once or until then; it has begun when this returns."""
    command = [sys.executable, "-c", WORK, what, str(until)]
    process = subprocess.Popen(command, env=os.environ | {"DEMO_URL": db.url}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


def write(db: Database, n: int, rows: int = 40) -> None:
    """What an app does in a moment: clicks and views, a late sale, an amount that rises, one that is taken back, a session that goes on."""
    with db.psycopg() as pg:
        pg.execute(
            """insert into public.affiliate_clicks (anonymous_id, session_id, product_id, source_page, affiliate_network, affiliate_url,
                   expected_commission, click_timestamp)
               select 'v' || i, 'w' || i %% 7, p.id, 'search', 'awin', 'https://shop.example/', 1.5,
                   %(last)s::date - i %% 80 + i * interval '1 s'
               from generate_series(%(n)s::int, %(n)s::int + %(rows)s) as i
               cross join lateral (select p.id from public.products as p order by hashtext(p.id::text || i) limit 1) as p""",
            {"last": YESTERDAY, "n": n * 1000, "rows": rows},
        )
        pg.execute(
            """insert into public.product_views (product_id, session_id, view_timestamp, interaction_type, view_source)
               select v.product_id, v.session_id, v.view_timestamp + interval '7 s', 'detail_view', v.view_source
               from public.product_views as v order by hashtext(v.id::text || %s) limit %s""",
            [n, rows],
        )
        for change in (
            "is_converted = true, conversion_timestamp = click_timestamp + interval '1 hour', actual_commission = 2",
            "actual_commission = actual_commission + 1",
            "actual_commission = 0",
        ):
            wanted = "actual_commission is not null" if "is_converted" not in change else "not is_converted"
            pg.execute(
                f"""update public.affiliate_clicks set {change} where id in (
                        select c.id from public.affiliate_clicks as c where {wanted} and c.click_timestamp < %s
                        order by hashtext(c.id::text || %s) limit %s)""",
                [YESTERDAY, f"{change}{n}", max(1, rows // 10)],
            )
        pg.execute(
            """update public.session_analytics set last_activity_at = last_activity_at + interval '1 minute' where session_id in (
                   select s.session_id from public.session_analytics as s order by hashtext(s.session_id || %s::text) limit %s)""",
            [n, rows],
        )


def assert_ends_undisturbed(db: Database) -> None:
    """The next run takes in all that is left; then nothing is dirty, every check holds, and all is as computed on an empty database."""
    catch_up(db)
    assert red(db) == {}
    with db.psycopg() as pg:
        assert pg.execute("select * from pipeline.dirty").fetchall() == []
    assert rebuilt(db) == set()
    assert live(read(db)) == afresh(db)


def is_halfway(db: Database) -> bool:
    """Whether something was synced that is not published yet."""
    with db.psycopg() as pg:
        return pg.execute("select exists (select from pipeline.dirty)").fetchone() == (True,)


def killed(db: Database, what: str, n: int, after: float | None) -> bool:
    """Kill a run over the app's n-th writes after so many seconds (None: once it is halfway); whether that came in the middle."""
    write(db, n)
    process = start(db, what)
    if after is not None:
        time.sleep(after)
    while after is None and process.poll() is None and not is_halfway(db):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    assert red(db) == {}
    return is_halfway(db)


@contextmanager
def the_app_writing(db: Database, every: float) -> Iterator[list[int]]:
    """Writes now and then while the block runs; the list grows with each."""
    done: list[int] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every):
            write(db, 100 + len(done), rows=10)
            done.append(1)

    with ThreadPoolExecutor(1) as app:
        writing = app.submit(go_on)
        try:
            yield done
        finally:
            over.set()
        writing.result()


def all_at_once(db: Database, seconds: float, every: float) -> None:
    until = time.time() + seconds
    with the_app_writing(db, every) as writes:
        works = [start(db, what, until) for what in ("rebuild", "rebuild", "sync")]
        while time.time() < until:
            assert red(db) == {}
            time.sleep(0.5)
        assert [work.wait(100) for work in works] == [0, 0, 0]
    assert len(writes) > 2
    assert_ends_undisturbed(db)


@pytest.mark.slow
def test_a_day_that_was_built_before_what_it_is_made_of_is_built_again(demo: Database) -> None:
    """What a sync marks between the two tables of one rebuild, that rebuild takes for done in the second."""
    write(demo, 1)
    assert derived.sync(demo, CATALOG).days
    second = CATALOG.table("session_funnel_daily")
    derived.replace_days(demo, CATALOG, second, derived.needed(demo, CATALOG, second))
    assert red(demo) == {}, "its days wait for the first table's"
    assert_ends_undisturbed(demo)


@pytest.mark.slow
def test_runs_that_are_killed_end_like_an_undisturbed_one(demo: Database) -> None:
    assert killed(demo, "sync and rebuild", 1, None)
    assert_ends_undisturbed(demo)


@pytest.mark.slow
def test_runs_that_are_killed_at_ten_random_moments_end_like_an_undisturbed_one(demo: Database) -> None:
    write(demo, 0)
    process, began = start(demo, "full sync and rebuild"), time.monotonic()
    assert process.wait(100) == 0
    took, chance = time.monotonic() - began, random.Random(10)
    kinds = ["sync and rebuild", "full sync and rebuild"] * 5
    halfway = [killed(demo, what, n, chance.uniform(0, took)) for n, what in enumerate(kinds, 1)]
    assert any(halfway), "no kill came in the middle: the moments prove nothing"
    assert_ends_undisturbed(demo)


@pytest.mark.slow
def test_two_rebuilds_and_a_sync_while_the_app_writes_end_like_an_undisturbed_one(demo: Database) -> None:
    all_at_once(demo, 4, 0.5)


@pytest.mark.slow
def test_twenty_seconds_of_rebuilds_and_syncs_while_the_app_writes_ends_like_an_undisturbed_one(demo: Database) -> None:
    all_at_once(demo, 20, 1)
