"""The sync against a memory of its own, over histories: whatever comes, changes and goes, in whatever pieces it is told."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.days import rebuild
from aclue_pipeline.derived.statement import one
from aclue_pipeline.postgres import Database, driver, identifier
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from tests.conftest import Databases
from tests.oracles.sync import Memory, key
from tests.staging import histories
from tests.staging.histories import COMES, GOES, UNKEPT, Pg, Step

pytestmark = pytest.mark.database
CATALOG = Catalog.load()


def tried(times: int) -> settings:
    return settings(max_examples=times, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def unbounded(server: EmbeddedServer) -> Iterator[tuple[Database, Pg]]:
    """A database without the constraints that a table made by hand may lack, and a connection that may do anything in it."""
    databases = Databases(server)
    db = databases.copy("deployed")
    admin = databases.admin(db)
    with admin.autocommit() as connection:
        pg = driver(connection)
        for table in histories.SOURCES.values():
            asked = "select conname from pg_constraint where contype = 'c' and conrelid = %s::regclass and %s like 'public.%%'"
            for (name,) in pg.execute(asked, [table, table]).fetchall():
                pg.execute(sql.SQL("alter table {} drop constraint {}").format(identifier(table), sql.Identifier(name)))
        yield db, pg
    databases.close()


@pytest.fixture(autouse=True)
def _nothing_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync that is not full sees what was written since the last, and no more."""
    monkeypatch.setattr(facts, "OVERLAP", timedelta(0))


def play(db: Database, pg: Pg, steps: list[Step]) -> Memory:
    """Do the steps, a full sync last; after each full one the facts are what the oracle remembers."""
    histories.begin(pg)
    memory, last, new_rules = Memory(), None, False
    for step in [*steps, ("sync", True)]:
        if step[0] != "sync":
            histories.happen(pg, step)
            new_rules |= step[0] == "new rules"
            continue
        full = step[1] or last is None or new_rules
        memory.sync(histories.source(pg), None if full else last, new_rules)
        facts.sync(db, CATALOG, full=full)
        last, new_rules = _last(pg), False
        if full:
            assert not histories.differences(histories.facts(pg), memory)
    return memory


def _last(pg: Pg) -> datetime:
    [[at]] = pg.execute("select max(synced_at) from pipeline.syncs").fetchall()
    return at  # type: ignore[no-any-return]


def _ends_as_remembered(db: Database, pg: Pg, steps: list[Step]) -> None:
    play(db, pg, steps)
    before = histories.facts(pg)
    for full in (False, True):
        again = facts.sync(db, CATALOG, full=full)
        assert (again.clicks, again.sessions, again.gone, again.days) == (0, 0, 0, 0)
        assert histories.facts(pg) == before


def _ends_as_told_at_once(db: Database, pg: Pg, steps: list[Step]) -> None:
    play(db, pg, steps)
    in_pieces = histories.comparable(histories.facts(pg))
    pg.execute(f"truncate {histories.MEMORY}")
    facts.sync(db, CATALOG)
    assert histories.comparable(histories.facts(pg)) == in_pieces


@pytest.mark.slow
@pytest.mark.timeout(1200)
@tried(80)
@given(histories.histories(*COMES, *GOES))
def test_whatever_comes_and_goes_the_facts_are_what_was_first_judged(
    unbounded: tuple[Database, Pg], steps: list[Step]
) -> None:
    _ends_as_remembered(*unbounded, steps)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@tried(80)
@given(histories.histories(*COMES))
def test_what_only_comes_ends_the_same_told_in_pieces_or_at_once(
    unbounded: tuple[Database, Pg], steps: list[Step]
) -> None:
    _ends_as_told_at_once(*unbounded, steps)


DAILY = [table for table in CATALOG.tables.values() if table.kind == "daily"]
WHOLE = [table for table in CATALOG.tables.values() if table.kind == "whole" and table.reads]
DAYS = [histories.BEGIN.date() + timedelta(days=n) for n in range(-3, 9)]


def _published(pg: Pg) -> dict[tuple[str, date], list[str]]:
    """The published rows by table and day, without what only tells when they were written."""
    told: dict[tuple[str, date], list[str]] = defaultdict(list)
    for table in DAILY:
        bookkeeping = [column.name for column in table.columns if column.bookkeeping]
        for day, row in pg.execute(
            f"select t.{table.clock}, to_jsonb(t) - %s::text[] from {table.key} t", [bookkeeping]
        ).fetchall():
            told[table.key, day].append(json.dumps(row, sort_keys=True))
    return {one: sorted(rows) for one, rows in told.items()}


#: Changes that a sync sees by updated_at or created_at; the others wait for a look at everything, or for the nightly one at the last days.
SEEN_BY_TIME = {
    "click",
    "session",
    "view",
    "convert",
    "reverse",
    "amount",
    "correct",
    "sign in",
    "register",
    "restart",
    "last",
    "tell",
    "retime",
    "move",
}


def _reaches_what_it_changes(db: Database, pg: Pg, steps: list[Step], change: Step, full: bool) -> None:
    play(db, pg, steps)
    pg.execute(f"truncate {', '.join(table.key for table in DAILY)}")
    rebuild(db, CATALOG, [*DAILY, *WHOLE], DAYS, restate=True)
    pg.execute("truncate analytics.restatements")
    before = _published(pg)
    histories.happen(pg, change)
    facts.sync(db, CATALOG, full=full)
    told = {(table, day) for table, day in pg.execute("select table_name, day from pipeline.dirty").fetchall()}
    lost = {
        (table, day) for table, day in pg.execute("select table_name, day from pipeline.days where lost > 0").fetchall()
    }
    rebuild(db, CATALOG, [*DAILY, *WHOLE], DAYS, restate=True)
    after = _published(pg)
    changed = {one for one in before.keys() | after.keys() if before.get(one) != after.get(one)}
    assert changed <= told | lost, f"{change}: {changed - told - lost}, noticed {told}"
    asked = "select table_name, cell, column_name from analytics.restatements where causes = '{unexplained}' and table_name = any(%s)"
    unexplained = pg.execute(asked, [[table.key for table in WHOLE]]).fetchall()
    assert not unexplained, f"{change}: nothing tells why {unexplained}"


@pytest.mark.slow
@tried(6)
@given(histories.histories(*COMES, *UNKEPT), st.one_of(*COMES, *GOES, *UNKEPT))
def test_a_changed_row_marks_every_day_that_a_rebuild_of_all_days_changes(
    unbounded: tuple[Database, Pg], steps: list[Step], change: Step
) -> None:
    _reaches_what_it_changes(*unbounded, steps, change, full=True)


@pytest.mark.slow
@tried(6)
@given(histories.histories(*COMES, *UNKEPT), st.one_of(*COMES))
def test_what_came_since_the_last_sync_marks_every_day_that_it_changes(
    unbounded: tuple[Database, Pg], steps: list[Step], change: Step
) -> None:
    is_loaded_as_old = change[-1] is True
    _reaches_what_it_changes(*unbounded, steps, change, full=is_loaded_as_old)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@tried(40)
@given(histories.histories(*COMES, *UNKEPT), st.one_of(*COMES, *GOES, *UNKEPT), st.booleans())
def test_many_changes_mark_every_day_that_they_change(
    unbounded: tuple[Database, Pg], steps: list[Step], change: Step, full: bool
) -> None:
    seen_by_its_time = change[0] in SEEN_BY_TIME and change[-1] is not True
    _reaches_what_it_changes(*unbounded, steps, change, full=full or not seen_by_its_time)


def test_a_day_whose_only_views_went_is_flagged_though_it_is_the_first(unbounded: tuple[Database, Pg]) -> None:
    db, pg = unbounded
    histories.begin(pg)
    _many(pg, 3)
    facts.sync(db, CATALOG)
    [ctr] = [table.key for table in DAILY if table.name == "ctr_by_position_daily"]
    pg.execute("insert into pipeline.days (table_name, day, version, rows) values (%s, '2026-03-01', '', 1)", [ctr])
    pg.execute("delete from public.product_views")
    facts.sync(db, CATALOG, full=True)
    assert pg.execute("select lost from pipeline.days").fetchall() == [(3,)]


def test_what_the_first_sync_fills_is_known_to_the_planner_before_anything_reads_it(
    unbounded: tuple[Database, Pg],
) -> None:
    db, pg = unbounded
    histories.begin(pg)
    _many(pg, 3)
    number = "select reltuples from pg_class where oid = 'staging.session_facts'::regclass"
    assert one(pg, number) <= 0
    facts.sync(db, CATALOG)
    assert one(pg, number) == one(pg, "select count(*) from staging.session_facts") > 0


def test_a_late_view_is_noticed_once_though_the_next_sync_reads_its_hour_again(
    unbounded: tuple[Database, Pg], monkeypatch: pytest.MonkeyPatch
) -> None:
    db, pg = unbounded
    monkeypatch.undo()
    histories.begin(pg)
    _many(pg, 3)
    facts.sync(db, CATALOG)
    for table in DAILY:
        pg.execute(
            "insert into pipeline.days (table_name, day, version, rows) values (%s, '2026-03-01', '', 0)", [table.key]
        )
    late = "insert into public.product_views (session_id, product_id, view_timestamp) values ('s1', %s, '2026-03-01 11:00+00')"
    for open_during_a_sync in (False, True):
        with psycopg.connect(db.url) as app:
            app.execute(late, [histories.PRODUCTS[0]])
            if open_during_a_sync:
                assert facts.sync(db, CATALOG).days == 0
        assert facts.sync(db, CATALOG).days == 5
        pg.execute("delete from pipeline.dirty")
        assert facts.sync(db, CATALOG).days == 0


# --- what strangers write -------------------------------------------------------------------------------------------------

HOSTILE = """
insert into public.affiliate_clicks
    (session_id, product_id, click_timestamp, conversion_timestamp, is_converted, actual_commission, expected_commission, source_page,
     affiliate_network, affiliate_url, anonymous_id, utm_source, utm_medium, utm_campaign, device_type, order_id, user_agent)
select
    s.name, {product}, t.at::timestamptz, t.at::timestamptz, true, 'NaN', 'NaN', {wide}, {wide}, {wide},
    s.name, {wide}, {wide}, {wide}, {wide}, {wide}, {wide}
from unnest(array['2026-03-01 10:00', 'infinity', '-infinity', '0001-01-01', '294276-12-31', '4713-01-01 BC']) as t (at),
    unnest({names}::text[]) as s (name);
insert into public.session_analytics (session_id, anonymous_id, landing_page, started_at, last_activity_at, duration_seconds, utm_source)
select s.name, s.name, {wide}, '294276-12-31'::timestamptz, 'infinity', 2147483647, {wide} from unnest({names}::text[]) as s (name)
where s.name <> '';
insert into public.product_views (session_id, product_id, view_timestamp, interaction_type)
select s.name, {product}, t.at::timestamptz, 'impression'
from unnest(array['2026-03-01 09:00', 'infinity', '-infinity', '294276-12-31']) as t (at), unnest({names}::text[]) as s (name)
"""


def test_no_row_that_a_stranger_may_write_stops_the_sync(unbounded: tuple[Database, Pg]) -> None:
    db, pg = unbounded
    histories.begin(pg)
    facts.sync(db, CATALOG)
    for table in DAILY:
        pg.execute(
            "insert into pipeline.days (table_name, day, version, rows) values (%s, '2026-03-01', '', 0)", [table.key]
        )
    long = "\N{PILE OF POO}" * 200
    names = ["", long, long + "x", key(long), "#", key("#")]
    said = sql.SQL(HOSTILE).format(
        product=sql.Literal(histories.PRODUCTS[0]), wide=sql.Literal("\N{PILE OF POO}" * 5000), names=sql.Literal(names)
    )
    psycopg.ClientCursor(pg).execute(said.as_string(pg))
    facts.sync(db, CATALOG)
    counts = pg.execute("select verdict, count(*) from staging.click_facts group by 1 order by 1").fetchall()
    assert counts == [("no_date", 30), ("valid", 6)]
    assert pg.execute("select count(*) from staging.session_facts where started_at is null").fetchall() == [(6,)]
    assert pg.execute("select count(*), count(actual_commission) from staging.click_facts").fetchall() == [(36, 0)]
    dirty = {table for (table,) in pg.execute("select distinct table_name from pipeline.dirty").fetchall()}
    assert dirty >= {
        table.key
        for table in DAILY
        if facts.reaches(CATALOG, table) & {"click_day", "view_day", "sale_day", "touched_sale_day"}
    }
    again = facts.sync(db, CATALOG, full=True)
    assert (again.clicks, again.sessions, again.gone) == (0, 0, 0)
    assert pg.execute("select count(*) from pipeline.session_numbers").fetchall() == [(6,)]


def test_a_click_of_a_session_with_a_long_name_reaches_the_days_of_its_impressions(
    unbounded: tuple[Database, Pg],
) -> None:
    db, pg = unbounded
    histories.begin(pg)
    product, name = histories.PRODUCTS[0], "\N{PILE OF POO}" * 200
    pg.execute(
        "insert into public.product_views (session_id, product_id, view_timestamp) values (%s, %s, '2026-03-01 12:00+00')",
        [name, product],
    )
    facts.sync(db, CATALOG)
    [ctr] = [table.key for table in DAILY if table.name == "ctr_by_position_daily"]
    pg.execute("insert into pipeline.days (table_name, day, version, rows) values (%s, '2026-03-01', '', 0)", [ctr])
    pg.execute(
        """insert into public.affiliate_clicks (session_id, product_id, click_timestamp, source_page, affiliate_network, affiliate_url)
           values (%s, %s, '2026-03-02 12:00+00', '', '', '')""",
        [name, product],
    )
    facts.sync(db, CATALOG)
    marked = pg.execute("select day, cause from pipeline.dirty where table_name = %s", [ctr]).fetchall()
    assert marked == [(date(2026, 3, 1), "late click")]


# --- when a sale was reported -------------------------------------------------------------------------------------------

CLICK = """
insert into public.affiliate_clicks
    (session_id, click_timestamp, source_page, affiliate_network, affiliate_url, user_agent, is_converted, conversion_timestamp)
values ('s1', '2026-03-01 10:00+00', %s, 'awin', '', 'Mozilla/5.0', %s, '2026-03-01 12:00+00')
"""
SOLD = "update public.affiliate_clicks set is_converted = true, actual_commission = coalesce(actual_commission, 0) + 1"


def _reported(pg: Pg) -> dict[str, datetime | None]:
    return dict(pg.execute("select source_page, reported_at from staging.click_facts").fetchall())


def test_a_sale_is_reported_when_the_sync_first_sees_it_of_a_click_that_it_knew_without(
    unbounded: tuple[Database, Pg],
) -> None:
    db, pg = unbounded
    histories.begin(pg)
    for page, is_sold in (("sold at once", True), ("sold later", False)):
        pg.execute(CLICK, [page, is_sold])
    facts.sync(db, CATALOG)
    assert _reported(pg) == {"sold at once": None, "sold later": None}
    pg.execute(SOLD)
    facts.sync(db, CATALOG)
    reported = _reported(pg)
    assert reported == {"sold at once": None, "sold later": _last(pg)}
    for change in (SOLD, "update public.affiliate_clicks set is_converted = false", SOLD):
        pg.execute(change)
        facts.sync(db, CATALOG)
    assert _reported(pg)["sold later"] == reported["sold later"], (
        "a corrected amount is no new report, nor is a sale taken back"
    )


def test_facts_of_a_release_that_did_not_note_when_a_sale_was_reported_note_it_from_now_on(
    unbounded: tuple[Database, Pg],
) -> None:
    db, pg = unbounded
    histories.begin(pg)
    for page, is_sold in (("sold before", False), ("sold since", False)):
        pg.execute(CLICK, [page, is_sold])
    facts.sync(db, CATALOG)
    pg.execute(f"{SOLD} where source_page = 'sold before'")
    facts.sync(db, CATALOG)
    pg.execute("alter table staging.click_facts drop column reported_at")
    pg.execute("update staging.click_facts set rule_version = 'old'; update pipeline.syncs set rule_version = 'old'")
    pg.execute("update pipeline.tables set fingerprint = 'old' where table_name = 'staging.click_facts'")
    facts.sync(db, CATALOG)
    pg.execute(SOLD)
    facts.sync(db, CATALOG)
    assert _reported(pg) == {"sold before": None, "sold since": _last(pg)}


# --- many rows ----------------------------------------------------------------------------------------------------------

MANY = """
insert into public.affiliate_clicks
    (id, session_id, product_id, click_timestamp, source_page, affiliate_network, affiliate_url, anonymous_id)
select
    uuid_in(md5(n::text)::cstring), 's1', {product}, timestamptz '2026-03-01 10:00+00' + n * interval '1 second',
    'search', 'awin', '', 'a1'
from generate_series(1, %(rows)s) n;
insert into public.product_views (session_id, product_id, view_timestamp, interaction_type)
select 's1', {product}, timestamptz '2026-03-01 10:00+00' + n * interval '1 second', 'impression' from generate_series(1, %(rows)s) n;
insert into public.session_analytics (session_id, anonymous_id, landing_page, started_at)
select 's' || n, 'a1', '/', timestamptz '2026-03-01 10:00+00' + n * interval '1 second' from generate_series(1, %(rows)s) n
"""


def _many(pg: Pg, rows: int) -> None:
    histories.begin(pg)
    text = sql.SQL(MANY).format(product=sql.Literal(histories.PRODUCTS[0])).as_string(pg)
    psycopg.ClientCursor(pg).execute(text, {"rows": rows})


def test_of_800_clicks_a_second_apart_every_third_is_kept(unbounded: tuple[Database, Pg]) -> None:
    db, pg = unbounded
    _many(pg, 800)
    facts.sync(db, CATALOG)
    counts = pg.execute("select verdict, count(*) from staging.click_facts group by 1 order by 1").fetchall()
    assert counts == [("repeat", 533), ("valid", 267)]


def _plans(seen: list[str], sync: Callable[[], object]) -> list[dict[str, Any]]:
    """The plans of the sync, every step of each."""
    seen.clear()
    sync()
    plans = [json.loads(said[said.index("{") :])["Plan"] for said in seen if "{" in said]
    assert len(plans) > 20
    return _steps(plans)


def _steps(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for plan in plans:
        plans += plan.get("Plans", [])
    return plans


def _rows(step: dict[str, Any]) -> float:
    """Rows that the step has put out or thrown away."""
    own = sum(value for name, value in step.items() if name == "Actual Rows" or name.startswith("Rows Removed"))
    return float(own * step.get("Actual Loops", 1))


def _work(seen: list[str], sync: Callable[[], object]) -> float:
    return sum(map(_rows, _plans(seen, sync)))


def _watched(db: Database, server: EmbeddedServer) -> tuple[Database, list[str]]:
    """The database as its server's own user, and the plans of what is done there."""
    admin = Database(server.url(db.name, SUPERUSER))
    seen: list[str] = []
    with admin.psycopg() as own:
        own.execute("load 'auto_explain'")
        for name, value in EXPLAINED.items():
            own.execute("select set_config(%s, %s, false)", [f"auto_explain.{name}", value])
        own.add_notice_handler(lambda said: seen.append(said.message_primary or ""))
    return admin, seen


def _publish(pg: Pg) -> None:
    for table in DAILY:
        pg.execute(
            "insert into pipeline.days (table_name, day, version, rows) values (%s, '2026-03-01', '', 0)", [table.key]
        )


def test_four_times_the_rows_of_one_anonymous_visitor_are_about_four_times_the_work(
    unbounded: tuple[Database, Pg], server: EmbeddedServer
) -> None:
    db, pg = unbounded
    admin, seen = _watched(db, server)
    told = []
    for rows in (400, 1600):
        _many(pg, rows)
        first = _work(seen, lambda: facts.sync(admin, CATALOG))
        _publish(pg)
        pg.execute(
            "update public.affiliate_clicks set actual_commission = 1; update public.session_analytics set utm_source = 'x'"
        )
        told.append(
            (
                first,
                _work(seen, lambda: facts.sync(admin, CATALOG)),
                _work(seen, lambda: facts.sync(admin, CATALOG, full=True)),
            )
        )
    admin.close()
    # Less where a plan has a fixed part; what reads each row by each other one would be sixteen times the work.
    assert all(2 < more / fewer < 5 for fewer, more in zip(*told, strict=True)), told


def test_a_sale_reads_nothing_of_its_session_again_and_reaches_no_impression(
    unbounded: tuple[Database, Pg], server: EmbeddedServer
) -> None:
    db, pg = unbounded
    admin, seen = _watched(db, server)
    _many(pg, 400)
    [[click]] = pg.execute(
        """insert into public.affiliate_clicks (session_id, product_id, click_timestamp, source_page, affiliate_network, affiliate_url)
           values ('s1', %s, '2026-03-01 12:00+00', '', '', '') returning id""",
        [histories.PRODUCTS[1]],
    ).fetchall()
    facts.sync(admin, CATALOG)
    _publish(pg)
    pg.execute("update public.affiliate_clicks set is_converted = true, actual_commission = 1 where id = %s", [click])
    plans = _plans(seen, lambda: facts.sync(admin, CATALOG))
    admin.close()
    assert sum(plan["Actual Rows"] for plan in plans if plan.get("Relation Name") == "product_views") < 10
    asked = "select table_name from pipeline.dirty where table_name like '%ctr%' or table_name like '%revenue_daily'"
    assert {name for (name,) in pg.execute(asked)} == {"analytics.revenue_daily", "analytics.product_revenue_daily"}


SWIPES = """
insert into auth.users (id) values ({0}), ({1}) on conflict do nothing;
insert into public.swipe_sessions (id) values ({0}) on conflict do nothing;
insert into public.swipe_interactions (id, session_id, user_id, product_id, swipe_direction, swipe_timestamp)
select lpad(n::text, 32, '0')::uuid, r.session_id, r.user_id, {2}, 'up', '2026-03-01 10:00+00'
from generate_series(1, {3}) as n
cross join lateral (values ({0}::uuid, null::uuid), (null, {0})) as r (session_id, user_id)
where (r.user_id is null) = (n % 2 = 0);
insert into public.swipe_interactions (id, user_id, swipe_direction, swipe_timestamp)
select md5(n::text)::uuid, {1}, 'up', '2026-03-01 10:00+00' from generate_series(1, 3) as n;
analyze public.swipe_interactions
"""


def _swipes_work(pg: Pg, rows: int, where: str = "true") -> float:
    histories.begin(pg)
    stranger, user = (sql.Literal(f"0000000000000000000000000000000{n}") for n in (7, 8))
    product = sql.Literal(histories.PRODUCTS[0])
    pg.execute(sql.SQL(SWIPES).format(stranger, user, product, sql.Literal(rows)))
    asked = sql.SQL("explain (analyze, timing off, format json) select * from staging.swipes where ")
    [[[plan]]] = pg.execute(asked + sql.SQL(where).format(user)).fetchall()
    return sum(map(_rows, _steps([plan["Plan"]])))


def test_four_times_the_swipes_of_one_client_at_one_time_stamp_are_four_times_the_work(
    unbounded: tuple[Database, Pg],
) -> None:
    _, pg = unbounded
    few, more = (_swipes_work(pg, rows) for rows in (400, 1600))
    assert more / few == pytest.approx(4, abs=0.5)


def test_whoever_asks_for_some_users_swipes_pays_for_theirs_alone(unbounded: tuple[Database, Pg]) -> None:
    _, pg = unbounded
    assert _swipes_work(pg, 4000, "user_id = any(array(select {}::uuid)) and at >= '2026-01-01'") < 50


EXPLAINED = {
    "log_min_duration": "0",
    "log_analyze": "on",
    "log_timing": "off",
    "log_format": "json",
    "log_level": "notice",
}


# --- killed, at once, in use ----------------------------------------------------------------------------------------------

SYNC_ALONE = """
import sys
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.postgres import Database
catalog = Catalog.load()
print("begin", flush=True)
facts.sync(Database(sys.argv[1]), catalog)
"""


def _told_at_once(db: Database, pg: Pg) -> dict[str, Any]:
    pg.execute(f"truncate {histories.MEMORY}")
    facts.sync(db, CATALOG)
    return histories.comparable(histories.facts(pg))


@pytest.mark.slow
def test_a_sync_killed_at_random_moments_ends_like_an_undisturbed_one(unbounded: tuple[Database, Pg]) -> None:
    db, pg = unbounded
    _many(pg, 8000)
    chance, killed = random.Random(16), 0

    def start() -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, "-c", SYNC_ALONE, db.url], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        return process

    process, began = start(), time.monotonic()
    assert process.wait(60) == 0
    lasts = time.monotonic() - began
    pg.execute(f"truncate {histories.MEMORY}")
    for _ in range(6):
        pg.execute(
            "update public.affiliate_clicks set actual_commission = coalesce(actual_commission, 0) + 1 where random() < 0.3"
        )
        process = start()
        time.sleep(chance.uniform(0, lasts))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed > 2
    facts.sync(db, CATALOG)
    facts.sync(db, CATALOG, full=True)
    found = histories.comparable(histories.facts(pg))
    assert found == _told_at_once(db, pg)


def test_two_syncs_at_once_while_the_app_writes_end_like_one_when_it_is_done(
    unbounded: tuple[Database, Pg], server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, pg = unbounded
    monkeypatch.undo()  # What a transaction commits that was open during a sync is found by the overlap.
    _many(pg, 300)
    done, failures = threading.Event(), list[BaseException]()

    def syncing() -> None:
        own = Database(db.url)
        try:
            while not done.is_set():
                facts.sync(own, CATALOG)
        except BaseException as error:
            failures.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=syncing) for _ in range(2)]
    for thread in threads:
        thread.start()
    with psycopg.connect(server.url(db.name, SUPERUSER)) as app:
        for n in range(12):
            app.execute(
                "update public.affiliate_clicks set is_converted = true, actual_commission = %s where random() < 0.1",
                [n],
            )
            app.execute(
                "update public.session_analytics set user_id = %s where session_id = %s", [histories.USERS[0], f"s{n}"]
            )
            app.execute(
                """insert into public.affiliate_clicks
                       (session_id, product_id, click_timestamp, source_page, affiliate_network, affiliate_url, anonymous_id)
                   values ('s9', %s, timestamptz '2026-03-01 10:00+00' + %s * interval '0.7 seconds', 'search', 'awin', '', 'a1')""",
                [histories.PRODUCTS[0], n],
            )
            time.sleep(0.1)
            app.commit()
    done.set()
    for thread in threads:
        thread.join(60)
    assert not failures
    facts.sync(db, CATALOG)
    found = histories.comparable(histories.facts(pg))
    assert found == _told_at_once(db, pg)
