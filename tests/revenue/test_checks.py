"""The checks that numbers add up hold in every world that was just computed, and turn red when something comes after."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from aclue_pipeline import derived
from aclue_pipeline.checks import of_file
from aclue_pipeline.postgres import Database
from tests.support.catalogs import CATALOG
from tests.worlds import AUTUMN, FEW, PRODUCTS, load, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
CHECKS = [of_file(file) for file in CATALOG.checks if file.room in ("revenue", "funnel")]


def compute(db: Database) -> None:
    """Five days and no others, whatever an earlier world computed."""
    with db.psycopg() as pg:
        pg.execute("delete from pipeline.days")
    for table in CATALOG.tables.values():
        if table.kind == "daily":
            derived.replace_days(db, CATALOG, table, AUTUMN - 2 * DAY, AUTUMN + 2 * DAY)


def red(db: Database) -> set[str]:
    return {check.name for check in CHECKS if not check.judge(db).passed}


@FEW
@given(worlds())
def test_what_was_just_computed_adds_up(world_db: Database, world: Any) -> None:
    load(world_db, world)
    compute(world_db)
    assert red(world_db) == set()


@pytest.mark.parametrize(
    ("late", "says"),
    [
        (
            """insert into public.affiliate_clicks
                   (product_id, session_id, click_timestamp, source_page, affiliate_network, affiliate_url)
               values (%(product)s, 's1', '2026-10-25 12:00+00', 'search', 'awin', 'https://shop.example/')""",
            "clicks_add_up",
        ),
        (
            """insert into public.affiliate_clicks
                   (product_id, session_id, click_timestamp, source_page, affiliate_network, affiliate_url,
                    is_converted, conversion_timestamp, actual_commission)
               values (%(product)s, 's1', null, 'search', 'awin', 'https://shop.example/', true, '2026-10-25 12:00+00', 0.01)""",
            "conversions_add_up",
        ),
        (
            """insert into public.product_views (product_id, session_id, view_timestamp, interaction_type)
               values (%(product)s, 's1', '2026-10-25 12:00+00', 'detail_view')""",
            "views_add_up",
        ),
        (
            """insert into public.session_analytics (session_id, started_at, landing_page)
               values ('s1', '2026-10-25 12:00+00', '/')""",
            "sessions_add_up",
        ),
        ("update analytics.ctr_by_position_daily set impressions = impressions + 1", "impressions_agree"),
    ],
    ids=["a click", "a conversion", "a view", "a session", "one table only"],
)
def test_what_came_after_the_computation_is_missed(world_db: Database, late: str, says: str) -> None:
    shown = {
        "id": "00000000-0000-0000-0000-000000000099", "product_id": PRODUCTS[0]["id"], "session_id": "s9",
        "view_timestamp": "2026-10-25 11:00+00", "interaction_type": "impression",
    }  # fmt: skip
    load(world_db, {"views": [shown]})
    compute(world_db)
    assert red(world_db) == set()
    with world_db.psycopg() as pg:
        pg.execute(late, {"product": PRODUCTS[0]["id"]})
    assert says in red(world_db)
