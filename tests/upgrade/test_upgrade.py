"""What release 0.1.0 published, under this release: its tables stay whole, new ones are built beside them, and days of which the
facts have fewer clicks by now stay as they were published."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aclue_pipeline import derived, preferences, schema
from aclue_pipeline.checks import of_file
from aclue_pipeline.derived import facts
from aclue_pipeline.errors import CannotEvolve, MissingPrerequisite
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases, template
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database

DUMP = Path(__file__).parent / "0.1.0.sql"

#: Each table of 0.1.0, and where it stays.
KEPT = {
    "revenue_daily": "history.revenue_daily_cc317f9f",
    "commission_daily": "history.commission_daily_25bd9af3",
    "product_revenue_daily": "history.product_revenue_daily_12364d51",
    "session_funnel_daily": "history.session_funnel_daily_ddb0224c",
    "ctr_by_position_daily": "history.ctr_by_position_daily_a2e0d1b2",
}
FEBRUARY, MARCH, MARCH_END = date(2025, 2, 12), date(2025, 3, 28), date(2025, 3, 31)
APRIL, APRIL_15, APRIL_END = date(2025, 4, 14), date(2025, 4, 15), date(2025, 4, 17)

#: What went with the deleted product: clicks by day; clicks and views; sales by their own day.
LOST = {
    "revenue_daily": {FEBRUARY: 1, MARCH: 1, MARCH_END: 1, APRIL: 1, APRIL_END: 1},
    "product_revenue_daily": {FEBRUARY: 3, MARCH: 3, MARCH_END: 1, APRIL: 2, APRIL_END: 2},
    "commission_daily": {APRIL_15: 1, APRIL_END: 1},
}


@pytest.fixture(autouse=True)
def first_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACLUE_FIRST_DAY", "2025-02-01")
    get_settings.cache_clear()


@template("app_a")
def release_0_1_0(server: EmbeddedServer, name: str) -> None:
    """What 0.1.0 left."""
    database = Database(server.url(name))
    with database.psycopg() as pg:
        pg.execute(DUMP.read_text(encoding="utf-8"))
    database.close()


@template("release_0_1_0")
def upgraded(server: EmbeddedServer, name: str) -> None:
    """The same under this release."""
    database = Database(server.url(name))
    upgrade(database)
    database.close()


@pytest.fixture
def old_db(databases: Databases) -> Database:
    return databases.copy("release_0_1_0")


@pytest.fixture
def db(databases: Databases) -> Database:
    return databases.copy("upgraded")


def upgrade(db: Database, sync: bool = True) -> None:
    schema.deploy(db)
    derived.ensure_tables(db, CATALOG)
    if sync:
        facts.sync(db, CATALOG)
    derived.rebuild(db, CATALOG, [table for table in CATALOG.tables.values() if table.kind in ("daily", "whole")])


def rows(db: Database, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with db.psycopg() as pg:
        return pg.execute(statement, values or None).fetchall()


def everything(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of our tables, but that of each sync and look."""
    tables = rows(
        db,
        """select format('%I.%I', schemaname, tablename) from pg_tables
           where schemaname in ('analytics', 'history', 'pipeline', 'staging') and tablename not in ('syncs', 'table_sizes')""",
    )
    return {table: sorted(rows(db, f"select t::text from {table} as t")) for (table,) in tables}


def lost(db: Database, name: str) -> dict[date, int]:
    return dict(rows(db, "select day, lost from pipeline.days where table_name = %s and lost > 0", f"analytics.{name}"))


def published(db: Database, name: str, *days: date) -> list[tuple[Any, ...]]:
    """The rows of these days, else of all others than those that stayed; bookkeeping left out."""
    columns = ", ".join(column.name for column in CATALOG.table(name).columns if not column.bookkeeping)
    which = "= any(%s)" if days else "<> all(%s)"
    return rows(db, f"select {columns} from analytics.{name} where day {which} order by 1, 2, 3, 4", list(days or LOST[name]))  # fmt: skip


def red(db: Database) -> set[str]:
    return {judged.check for judged in (of_file(file).judge(db) for file in CATALOG.checks) if not judged.passed}


@pytest.mark.slow
def test_what_was_published_stays_whole_in_history(old_db: Database) -> None:
    before = {name: rows(old_db, f"select * from analytics.{name} order by 1, 2, 3, 4, 5") for name in KEPT}
    assert all(before.values())
    upgrade(old_db)
    assert {name: rows(old_db, f"select * from {kept} order by 1, 2, 3, 4, 5") for name, kept in KEPT.items()} == before


@pytest.mark.slow
def test_days_that_lost_nothing_are_what_a_new_installation_publishes(db: Database, deployed_db: Database) -> None:
    found = re.findall(r"^INSERT INTO ((?:auth|public)\.\w+) (.*?;)$", DUMP.read_text(encoding="utf-8"), re.M | re.S)
    first = ["auth.users", "public.categories", "public.products"]
    with deployed_db.psycopg() as pg:
        for table, rest in sorted(found, key=lambda one: one[0] not in first):
            pg.execute(f"insert into {table} {rest}")
    upgrade(deployed_db)
    for name in LOST:
        assert published(db, name) == published(deployed_db, name) != []


def test_days_of_which_the_facts_have_fewer_stay_as_published_and_say_how_many_went(db: Database) -> None:
    assert {name: lost(db, name) for name in LOST} == LOST
    known = {
        "revenue_daily": "day, currency, affiliate_network, source_page, device_type, clicks, valid_clicks, people, conversions,"
        " expected_commission, actual_commission, commission_on_rejected_clicks",
        "product_revenue_daily": "day, currency, product_id, impressions, clicked_impressions, detail_views, conversions,"
        " actual_commission",
        "commission_daily": "day, currency, affiliate_network, conversions, orders, expected_commission, actual_commission, variance",
    }
    for name, columns in known.items():
        read = f"select {columns} from {{}} where day = any(%s) order by 1, 2, 3, 4, 5"
        new, old = (rows(db, read.format(key), list(LOST[name])) for key in (f"analytics.{name}", KEPT[name]))
        assert new == old != []
    unknown = (
        "select distinct utm_source, utm_medium, utm_campaign, repeats from analytics.revenue_daily where day = any(%s)"
    )
    assert rows(db, unknown, list(LOST["revenue_daily"])) == [("(not set)", "(not set)", "(not set)", None)]


def test_every_check_is_green_over_days_that_stayed(db: Database) -> None:
    preferences.ensure_model(db)
    preferences.ensure_judged(db)
    preferences.recalculate(db)
    assert red(db) == set()


def test_upgrading_again_changes_nothing(db: Database) -> None:
    before = everything(db)
    upgrade(db)
    assert everything(db) == before
    assert derived.ensure_tables(db, CATALOG) == []


def test_a_day_that_stayed_gives_way_to_the_facts_when_a_person_says_so(db: Database) -> None:
    table = CATALOG.table("revenue_daily")
    derived.replace_days(db, CATALOG, table, [APRIL])
    assert lost(db, "revenue_daily")[APRIL] == 1
    derived.replace_days(db, CATALOG, table, [APRIL], restate=True)
    assert APRIL not in lost(db, "revenue_daily")
    found = rows(
        db,
        """select sum(coalesce(after, 0) - coalesce(before, 0)), causes from analytics.restatements
           where table_name = 'analytics.revenue_daily' and day = %s and column_name = 'clicks' group by 2""",
        APRIL,
    )
    assert found == [(-1, ["definition", "deleted source"])]
    preferences.ensure_model(db)
    preferences.ensure_judged(db)
    preferences.recalculate(db)
    assert red(db) == set()


@pytest.mark.slow
def test_the_facts_may_be_read_before_the_tables_are_set_aside(old_db: Database) -> None:
    schema.deploy(old_db)
    facts.sync(old_db, CATALOG)
    upgrade(old_db, sync=False)
    assert {name: lost(old_db, name) for name in LOST} == LOST


def test_nothing_is_compared_with_facts_that_were_never_read(old_db: Database) -> None:
    with pytest.raises(MissingPrerequisite, match="aclue sync"):
        upgrade(old_db, sync=False)


@pytest.mark.slow
def test_profiles_survive(old_db: Database) -> None:
    before = rows(old_db, "select * from public.user_preferences order by user_id")
    upgrade(old_db)
    now = rows(old_db, "select * from public.user_preferences order by user_id")
    assert [row[:-1] for row in now] == before != []  # the last column, adjusted_at, is new
    with pytest.raises(MissingPrerequisite, match="earlier release"):
        preferences.recalculate(old_db)
    assert preferences.ensure_model(old_db).is_new
    assert preferences.ensure_judged(old_db)
    assert preferences.recalculate(old_db).users == 3, "the deleted product's swipes are gone"
    assert rows(old_db, "select user_id from public.user_preferences order by user_id") == [row[:1] for row in before]
    assert preferences.recalculate(old_db).users == 0


def test_a_view_of_others_on_ours_is_named_and_left_alone(old_db: Database) -> None:
    with old_db.psycopg() as pg:
        pg.execute("create view public.theirs with (security_invoker) as select click_id, is_bot from staging.clicks")
    with pytest.raises(CannotEvolve, match="theirs"):
        upgrade(old_db)
    assert rows(old_db, "select count(*) from public.theirs") == [(35,)]


def test_the_dump_is_loadable_as_it_stands(old_db: Database) -> None:
    assert rows(old_db, "select count(*), count(*) filter (where verdict = 'valid') from staging.clicks") == [(35, 25)]
    with old_db.psycopg() as pg, pytest.raises(psycopg.errors.UndefinedColumn):
        pg.execute("select publication from analytics.revenue_daily")
