"""The checks that facts are all that the app's events say: each seen red and green, and green while the app writes."""

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from aclue_pipeline import derived
from aclue_pipeline.checks import Judgement, ask
from aclue_pipeline.postgres import Database
from tests.support.catalogs import CATALOG

CLICK = {
    "session_id": "s1",
    "source_page": "search",
    "affiliate_network": "awin",
    "affiliate_url": "https://shop.example/",
    "click_timestamp": "2026-03-01 10:00+00",
}


def clicked(db: Database, **values: Any) -> None:
    row: Mapping[str, Any] = {**CLICK, "id": uuid.uuid4(), **values}
    names = ", ".join(row)
    with db.psycopg() as pg:
        pg.execute(
            f"insert into public.affiliate_clicks ({names}) values ({', '.join(['%s'] * len(row))})", list(row.values())
        )


def judged(db: Database) -> Judgement:
    [check] = [check for check in CATALOG.checks if check.name == "clicks_are_facts"]
    return ask(db, check)


@pytest.mark.database
def test_every_click_is_a_fact_after_a_sync_and_may_wait_for_the_next_one(deployed_db: Database) -> None:
    clicked(deployed_db)
    derived.sync(deployed_db, CATALOG)
    assert judged(deployed_db).outcome == "passed"
    clicked(deployed_db)
    waiting = judged(deployed_db)
    assert (waiting.outcome, waiting.evidence["not_synced"], waiting.evidence["missing"]) == ("passed", 1, 0)


@pytest.mark.database
def test_a_click_loaded_with_an_old_time_of_change_is_missed_until_a_full_sync(deployed_db: Database) -> None:
    clicked(deployed_db)
    derived.sync(deployed_db, CATALOG)
    clicked(deployed_db, updated_at="2020-01-01 00:00+00")
    derived.sync(deployed_db, CATALOG)
    assert (judged(deployed_db).outcome, judged(deployed_db).evidence["missing"]) == ("failed", 1)
    derived.sync(deployed_db, CATALOG, full=True)
    assert judged(deployed_db).outcome == "passed"


@pytest.mark.database
def test_money_that_a_sync_did_not_see_is_red(deployed_db: Database) -> None:
    clicked(deployed_db, updated_at="2020-01-01 00:00+00")
    derived.sync(deployed_db, CATALOG, full=True)
    with deployed_db.psycopg() as pg:
        pg.execute("update staging.click_facts set actual_commission = 5.40")
    assert (judged(deployed_db).outcome, judged(deployed_db).evidence["differing"]) == ("failed", 1)
