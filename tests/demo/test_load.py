"""A load fills every table; a later one only adds; breaking and undoing leave nothing behind."""

import re
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from aclue_pipeline import checks, derived
from aclue_pipeline.demo import breaks
from aclue_pipeline.demo.breaks import REPEATED, break_, broken, reset
from aclue_pipeline.demo.catalogue import deleted_product
from aclue_pipeline.demo.clock import ZONE
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.load import SIMULATOR, load, loaded
from aclue_pipeline.demo.people import user_ids
from aclue_pipeline.demo.planted import ERASED_PERSON
from aclue_pipeline.demo.simulator import SEED
from aclue_pipeline.demo.tables import EVENTS
from aclue_pipeline.errors import NothingFound, RowsExist, SchemaIncomplete
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.schema.verify import verify
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database

TODAY = datetime.now(ZONE).date()  # as the load counts days: the machine may be on another date
DAYS = 45


def rows_of(db: Database, table: str, without: tuple[str, ...] = ("updated_at",)) -> list[Any]:
    with db.begin() as connection:
        found = query(connection, f"select * from {table}")
    return sorted(repr([(name, row[name]) for name in row if name not in without]) for row in found)


def everything(db: Database) -> dict[str, list[Any]]:
    """Every row; who was erased is called by the same name, since each token is a random one."""
    rows = {table: rows_of(db, table) for table in ("public.products", "auth.users", *EVENTS)}
    return {table: [re.sub(r"erased:\w+", "erased", str(row)) for row in found] for table, found in rows.items()}


def rebuild(db: Database, *, full: bool = False) -> set[tuple[str, date]]:
    """Sync, rebuild what is needed; the (table, day) that came out different."""
    derived.sync(db, CATALOG, full=full)
    daily = [table for table in CATALOG.tables.values() if table.kind == "daily"]
    done = derived.rebuild(db, CATALOG, daily)
    return {(key, day.day) for key, days in done.items() if isinstance(days, list) for day in days if day.changed}


def sums(db: Database) -> dict[str, Any]:
    columns = ("clicks", "valid_clicks", "repeats", "conversions", "actual_commission")
    with db.begin() as connection:
        selected = ", ".join(f"sum({column}) as {column}" for column in columns)
        return dict(query(connection, f"select {selected} from analytics.revenue_daily")[0])


def outcome(db: Database, check: str) -> str:
    [file] = [file for file in CATALOG.checks if file.name == check]
    return checks.ask(db, file).outcome


def test_a_load_fills_every_table_and_again_adds_nothing(deployed_db: Database) -> None:
    added = load(deployed_db, users=40, days=30, today=TODAY)
    assert set(added) == {"public.categories", "public.products", "auth.users", *EVENTS}
    with deployed_db.begin() as connection:
        for table, rows in added.items():
            assert query(connection, f"select count(*) as n from {table}")[0]["n"] == rows
    before = everything(deployed_db)
    assert load(deployed_db, users=40, days=30, today=TODAY) == {}
    assert load(deployed_db, today=TODAY) == {}
    assert everything(deployed_db) == before


@pytest.mark.slow
def test_a_later_load_with_more_people_and_days_is_the_same_as_one_load(deployed_db: Database, databases: Any) -> None:
    """Four steps to where one goes at once: nothing moves, nothing is missing, nothing is twice; who was deleted between is gone."""
    load(deployed_db, users=30, days=40, today=TODAY - timedelta(days=9), until=TODAY - timedelta(days=30))
    load(deployed_db, users=30, days=40, today=TODAY - timedelta(days=9))
    load(deployed_db, users=30, today=TODAY)
    load(deployed_db, users=60, days=89, today=TODAY)
    at_once = databases.copy("deployed")
    load(at_once, users=60, days=80, today=TODAY - timedelta(days=9))
    load(at_once, today=TODAY)
    with deployed_db.begin() as one, at_once.begin() as other:
        assert loaded(one) == loaded(other)
    assert {k: len(v) for k, v in everything(at_once).items()} == {
        k: len(v) for k, v in everything(deployed_db).items()
    }
    assert everything(at_once) == everything(deployed_db)


def test_an_erased_person_and_a_deleted_product_leave_what_foreign_keys_leave_and_nothing_says_whose_it_was(
    deployed_db: Database,
) -> None:
    def events() -> dict[str, dict[UUID, Any]]:
        with deployed_db.begin() as connection:
            return {table: {row["id"]: row for row in query(connection, f"select * from {table}")} for table in EVENTS}

    user, product = UUID(user_ids(np.array([ERASED_PERSON]))[0]), UUID(deleted_product(Draws(SEED)))
    load(deployed_db, users=10, days=380, today=TODAY, until=TODAY - timedelta(days=14))
    before = events()
    load(deployed_db, today=TODAY)
    after = events()
    left: list[Any] = []
    for table, rows in before.items():
        mine = {key for key, row in rows.items() if row["user_id"] == user and row.get("product_id") != product}
        assert mine, table
        stays = table in ("public.session_analytics", "public.product_views", "public.affiliate_clicks")
        assert mine & {*after[table]} == (mine if stays else set()), table
        assert not any(row["user_id"] == user or row.get("product_id") == product for row in after[table].values())
        left += [after[table][key] for key in mine if stays and table != "public.product_views"]
    assert any(row.get("product_id") == product for row in before["public.product_views"].values())
    known = {row["anonymous_id"] for row in before["public.session_analytics"].values() if row["user_id"] == user}
    [token] = {row["anonymous_id"] for row in left}
    assert token not in known
    assert {*known, None} != {None}
    assert {(row["user_agent"], row["ip_address"]) for row in left if "ip_address" in row} == {("erased", None)}


def test_the_other_catalogue_shape_is_filled_too(deployed_db_b: Database) -> None:
    load(deployed_db_b, users=10, days=10, today=TODAY)
    with deployed_db_b.begin() as connection:
        product = query(
            connection, "select price, category, retailer from public.products where price is not null limit 1"
        )[0]
        named = query(
            connection, "select count(*) as n from staging.products where category is not null and price > 0"
        )[0]["n"]
    assert product["category"]
    assert named > 3000


def test_another_seed_and_a_strange_catalogue_are_refused(deployed_db: Database, app_db: Database) -> None:
    load(deployed_db, users=10, days=5, seed=1, today=TODAY)
    with pytest.raises(RowsExist, match="seed 1"):
        load(deployed_db, seed=2, today=TODAY)
    with deployed_db.begin() as connection:
        query(connection, "alter table demo.loaded drop column simulator")  # as the first version left it
    with pytest.raises(RowsExist, match="another version"):
        load(deployed_db, today=TODAY + timedelta(days=1))
    with deployed_db.begin() as connection:
        query(connection, "drop table demo.loaded")
    with pytest.raises(RowsExist, match="not the demo's"):
        load(deployed_db, today=TODAY)
    with pytest.raises(SchemaIncomplete, match="session_analytics"):
        load(app_db, today=TODAY)


def test_what_an_older_demo_wrote_down_is_gone_on_with(deployed_db: Database) -> None:
    load(deployed_db, users=20, days=9, today=TODAY, until=TODAY - timedelta(days=7))
    with deployed_db.begin() as connection:  # the table as it was, with a column between
        query(
            connection, "alter table demo.loaded drop column simulator, add column loaded_at timestamptz default now()"
        )
        query(connection, f"alter table demo.loaded add column simulator integer not null default {SIMULATOR}")
    assert load(deployed_db, today=TODAY)
    assert load(deployed_db, today=TODAY) == {}


def test_a_broken_demo_is_not_loaded_further(deployed_db: Database) -> None:
    load(deployed_db, users=20, days=30, today=TODAY)
    break_(deployed_db, "duplicate-clicks")
    with pytest.raises(RowsExist, match="aclue demo reset"):
        load(deployed_db, users=25, today=TODAY)
    with pytest.raises(RowsExist, match="broken already"):
        break_(deployed_db, "duplicate-clicks")


@pytest.fixture
def demo_db(deployed_db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    load(deployed_db, users=150, days=DAYS, today=TODAY)
    monkeypatch.setenv("ACLUE_FIRST_DAY", str(TODAY - timedelta(days=DAYS)))
    get_settings.cache_clear()
    return deployed_db


@pytest.mark.slow
def test_breaking_the_policy_turns_one_check_red_and_reset_undoes_it(demo_db: Database) -> None:
    from aclue_pipeline.schema import fingerprint

    def state() -> tuple[str, list[str]]:
        with demo_db.begin() as connection:
            version = fingerprint(connection)
        return version, [each.identity for each in verify(demo_db) if not each.passed]

    before = state()
    break_(demo_db, "policy")
    version, red = state()
    assert version != before[0]
    assert len(red) == len(before[1]) + 1
    remedy = next(each.remedy for each in verify(demo_db) if each.identity in set(red) - set(before[1]))
    assert remedy.startswith("aclue ")
    assert reset(demo_db) == ["policy"]
    assert state() == before


def test_after_deploying_mended_the_policy_reset_leaves_it_alone(demo_db: Database) -> None:
    from aclue_pipeline import schema

    break_(demo_db, "policy")
    assert schema.deploy(demo_db).changed
    assert reset(demo_db) == ["policy"]
    assert not schema.plan(demo_db).steps


@pytest.mark.slow
def test_repeated_clicks_with_times_of_their_own_turn_a_check_red_and_add_no_valid_click(demo_db: Database) -> None:
    rebuild(demo_db)
    before, published = everything(demo_db), sums(demo_db)
    assert outcome(demo_db, "clicks_are_facts") == "passed"
    break_(demo_db, "duplicate-clicks")
    assert rebuild(demo_db) == set()
    assert outcome(demo_db, "clicks_are_facts") == "failed"
    assert {table for table, _ in rebuild(demo_db, full=True)} == {"analytics.revenue_daily"}
    assert outcome(demo_db, "clicks_are_facts") == "passed"
    assert sums(demo_db) == published | {"repeats": published["repeats"] + REPEATED}
    assert reset(demo_db) == ["duplicate-clicks"]
    assert everything(demo_db) == before


@pytest.mark.slow
def test_a_late_conversion_restates_its_click_day_and_its_conversion_day_only(demo_db: Database) -> None:
    rebuild(demo_db)
    before = everything(demo_db)
    done = break_(demo_db, "late-conversion")
    click_day, conversion_day = done.days
    moved = rebuild(demo_db)
    assert ("analytics.revenue_daily", click_day) in moved
    assert ("analytics.commission_daily", conversion_day) in moved
    assert {day for key, day in moved if key != "analytics.people_active"} == {click_day, conversion_day}, (
        "but for periods"
    )
    assert rebuild(demo_db) == set()
    assert reset(demo_db) == ["late-conversion"]
    assert everything(demo_db) == before
    assert rebuild(demo_db) == moved


def test_reset_undoes_everything_at_once(demo_db: Database) -> None:
    before = everything(demo_db)
    for what in breaks.BREAKS:
        break_(demo_db, what)
    with demo_db.begin() as connection:
        assert broken(connection) == list(breaks.BREAKS)
    assert reset(demo_db) == list(breaks.BREAKS)[::-1]
    assert everything(demo_db) == before
    assert reset(demo_db) == []


def test_there_is_nothing_to_break_without_a_demo(app_db: Database) -> None:
    with pytest.raises(NothingFound, match="not loaded"):
        break_(app_db, "policy")
    assert reset(app_db) == []
