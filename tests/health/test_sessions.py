"""Connections, who sits in a transaction, who makes others wait, and slots that nobody reads; values of statements are never shown."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from aclue_pipeline import health
from aclue_pipeline.health import findings
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from tests.conftest import FAST
from tests.support.catalogs import CATALOG
from tests.support.troubles import by_others, judged, run, told

pytestmark = pytest.mark.database

SECRET = "ann@example.org"


@contextmanager
def session(db: Database, name: str = "shop") -> Iterator[Pg]:
    pg = psycopg.connect(db.url, application_name=name)
    try:
        yield pg
    finally:
        pg.close()


def test_a_limit_of_connections_that_is_nearly_reached_is_found(db: Database, admin: Database) -> None:
    of = f"connections of the database {db.name}"
    run(admin, f'alter database "{db.name}" connection limit 12')
    assert told(db, "connections", of) == []
    shop = [psycopg.connect(db.url, application_name="shop") for _ in range(9)]
    [finding] = told(db, "connections", of)
    assert health.severity(finding) == "warn"
    assert "10 of 12 are used; most by postgres (shop, 9)" in finding.sentence
    shop += [psycopg.connect(db.url, application_name="shop") for _ in range(2)]
    [finding] = told(db, "connections", of)
    assert health.severity(finding) == "error"
    for one in shop:
        one.close()
    run(admin, f'alter database "{db.name}" connection limit -1')
    assert judged(db, "connections") == []


def test_who_sits_idle_in_a_transaction_is_found_aclue_is_not(db: Database) -> None:
    """After five minutes; here after none."""
    soon = {"s.seconds >= 300": "s.seconds >= 0"}
    with session(db) as shop, session(db, "aclue") as ours:
        for pg in (shop, ours):
            pg.execute("select %s", [SECRET])
        assert judged(db, "connections") == []
        pid = shop.info.backend_pid
        [finding] = told(db, "connections", f"session {pid}", **soon)
        assert health.severity(finding) == "warn"
        assert finding.sentence.startswith("postgres (shop) has sat idle in a transaction for 0 minutes")
        assert finding.remedy.startswith(f"select pg_terminate_backend({pid})")
        assert SECRET not in str(finding)
        assert told(db, "connections", f"session {ours.info.backend_pid}", **soon) == []
        run(db, finding.remedy)
        assert told(db, "connections", f"session {pid}", **soon) == []
        run(db, "alter role postgres reset idle_in_transaction_session_timeout")


def test_who_makes_others_wait_is_found_with_how_many_and_for_how_long(db: Database) -> None:
    """After half a minute; here after none. Whoever waits and is waited for is no beginning of it."""
    run(db, "create table public.till (id int)")
    soon = {"b.seconds >= 30": "b.seconds >= 0"}
    with session(db) as shop, session(db) as second, session(db) as third:
        shop.execute("lock table public.till")
        waiting = [
            threading.Thread(target=_wait, args=(pg, statement))
            for pg, statement in (
                (second, f"alter table public.till add note text default '{SECRET}'"),
                (third, "select count(*) from public.till"),
            )
        ]
        for thread in waiting:
            thread.start()
            time.sleep(0.1)
        assert judged(db, "blockers") == []
        pid = shop.info.backend_pid
        [finding] = told(db, "blockers", f"session {pid}", **soon)
        assert finding.evidence["waiters"] == 2
        says = r"2 sessions wait for till, the longest for \d+ s; postgres \(shop\) is idle in transaction for \d+ s"
        assert re.fullmatch(says, finding.sentence)
        assert SECRET not in str(finding)
        assert told(db, "blockers", f"session {second.info.backend_pid}", **soon) == []
        # Nor does anybody wait here who looks at the health of a database in which a table is held.
        began = time.monotonic()
        assert health.measure(db, CATALOG) > 10
        assert [one for one in judged(db) if one.outcome == "not judged"] == []
        assert time.monotonic() - began < 15
        run(db, finding.remedy)
        for thread in waiting:
            thread.join()
        assert told(db, "blockers", f"session {pid}", **soon) == []


def _wait(pg: Pg, statement: str) -> None:
    pg.execute(statement.encode())
    pg.rollback()


def test_a_look_that_would_have_to_wait_is_given_up(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two seconds, here after a tenth of one; and once, however many of our own days read what is locked."""
    assert "'lock_timeout', '2s'" in findings._BOUNDS
    monkeypatch.setattr(findings, "_BOUNDS", findings._BOUNDS.replace("'2s'", "'100ms'"))
    with session(db) as shop:
        shop.execute(
            "lock table analytics.table_sizes, public.affiliate_clicks, public.product_views, staging.click_facts"
        )
        began = time.monotonic()
        found = judged(db, "table_growth", "sequential_scans")
        assert time.monotonic() - began < 15
    assert [(one.check, one.outcome) for one in found] == [
        ("table_growth", "not judged"),
        ("sequential_scans", "not judged"),
    ]
    for finding in found:
        assert "lock timeout" in finding.sentence
        assert finding.remedy == "ask again at a quieter time"


# --- on a server of its own, since that of the tests keeps no log for anybody and has a cache for all ------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    settings = FAST | {"wal_level": "replica", "max_wal_senders": "2", "shared_buffers": "1MB", "max_connections": "20"}
    server = EmbeddedServer(tmp_path_factory.mktemp("small"), settings=settings)
    server.start()
    admin = Database(server.url("aclue", SUPERUSER))
    run(admin, "create extension pg_stat_statements")
    yield admin
    admin.close()
    server.stop()


@pytest.mark.slow
def test_a_replication_slot_that_nobody_reads_is_found(small: Database) -> None:
    """From a gigabyte on; here from one byte on."""
    run(small, "select pg_create_physical_replication_slot('stale', true)", "create table public.t (id int)")
    assert judged(small, "vacuum") == []
    bound = {">= 1073741824": ">= 1"}
    [finding] = told(small, "vacuum", "replication slot stale", **bound)
    assert health.severity(finding) == "warn"
    assert finding.sentence.startswith("nobody reads it, and the server keeps ")
    run(small, finding.remedy)
    assert told(small, "vacuum", "replication slot stale", **bound) == []


@pytest.mark.slow
def test_a_cache_that_is_too_small_is_found_what_aclue_reads_does_not_count(small: Database) -> None:
    """From a million blocks on; here from a thousand."""
    run(small, "create table public.archive as select repeat('x', 1900) as line from generate_series(1, 8000)")
    bound = {">= 1000000": ">= 1000"}
    run(small, *["select count(*) from public.archive"] * 5)
    assert told(small, "cache_hits", "aclue", **bound) == []
    by_others(small, "select count(*), 'by the app' from public.archive", times=5)
    [finding] = told(small, "cache_hits", "aclue", **bound)
    assert health.severity(finding) == "error"
    assert "most of it from public.archive" in finding.sentence
    assert finding.evidence["blocks_read"] > 5_000
    assert judged(small, "cache_hits") == []
