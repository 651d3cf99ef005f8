"""The checks that numbers add up hold in every world that was just built and while the app writes on, and turn red over each thing that
they are there to find."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from aclue_pipeline.checks import of_file
from aclue_pipeline.postgres import Database
from tests.support.catalogs import CATALOG
from tests.worlds import (
    AUTUMN,
    FEW,
    HOSTILE,
    PRODUCTS,
    RECOMMENDATIONS,
    USERS,
    build,
    load,
    local_days,
    red,
    span,
    sync,
    times_of,
    worlds,
)

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
TABLES = [
    *("revenue_daily", "commission_daily", "product_revenue_daily", "session_funnel_daily", "ctr_by_position_daily"),
    *("session_quality_daily", "recommendation_performance_daily", "attribution_daily"),
    "people_active",
]
NOON = datetime(2026, 10, 25, 12, tzinfo=UTC)


def build_all(db: Database, *days: Any) -> None:
    for name in TABLES:
        build(db, name, *days)


@FEW
@given(worlds())
@pytest.mark.slow
def test_what_was_just_built_adds_up_over_every_row_there_is(world_db: Database, world: Any) -> None:
    load(world_db, world)
    build_all(world_db, *span(local_days(world_db, times_of(world))))
    assert red(world_db) == set()


@pytest.fixture
def built(world_db: Database) -> Database:
    """A session that viewed, clicked and bought, and one row of each kind that belongs to no day; five days, all built."""
    view = {
        "product_id": PRODUCTS[0]["id"],
        "session_id": "s1",
        "interaction_type": "impression",
        "has_clicked_affiliate": None,
    }
    click = {
        **{"product_id": PRODUCTS[0]["id"], "user_id": USERS[0], "session_id": "s1", "source_page": "search"},
        **{"affiliate_network": "awin", "affiliate_url": "https://shop.example/", "is_converted": True},
        **{"expected_commission": "1.20", "actual_commission": "1.25"},
    }
    session = {"user_id": USERS[0], "landing_page": "/"}
    world = {
        "sessions": [
            session | {"session_id": "s1", "started_at": NOON - timedelta(minutes=1)},
            session | {"session_id": "s2", "started_at": "infinity"},
        ],
        "views": [
            view | {"view_timestamp": NOON},
            view | {"view_timestamp": NOON, "interaction_type": "detail_view"},
            view | {"view_timestamp": None},
            view | {"view_timestamp": "1999-01-01 00:00+00"},
        ],
        "recommendations": [
            {"id": name, "created_at": at, "product_id": PRODUCTS[0]["id"], "confidence_score": "0.5"}
            for name, at in zip(RECOMMENDATIONS, (NOON, None), strict=False)
        ],
        "clicks": [
            click | {"click_timestamp": NOON, "conversion_timestamp": NOON + DAY},
            click | {"click_timestamp": None, "conversion_timestamp": None},
        ],
    }
    load(world_db, world)
    build_all(world_db, AUTUMN - 2 * DAY, AUTUMN + 2 * DAY)
    assert red(world_db) == set()
    return world_db


def test_they_stay_green_while_the_app_writes_and_while_days_wait_for_their_rebuild(built: Database) -> None:
    writes = [
        """insert into public.affiliate_clicks (product_id, session_id, click_timestamp, source_page, affiliate_network, affiliate_url)
           select product_id, 's3', click_timestamp, 'search', 'awin', 'https://shop.example/' from public.affiliate_clicks""",
        "update public.affiliate_clicks set actual_commission = 0, conversion_timestamp = conversion_timestamp - interval '1 day'",
        """insert into public.product_views (product_id, session_id, view_timestamp, interaction_type)
           select product_id, 's3', view_timestamp, interaction_type from public.product_views""",
        """insert into public.session_analytics (session_id, started_at, landing_page)
           select 's3', started_at, '/' from public.session_analytics where session_id = 's1'""",
        "delete from public.product_views where session_id = 's1'",
        "insert into public.recommendations (created_at) select created_at from public.recommendations",
        "delete from public.recommendations",
    ]
    for statement in writes:
        with built.psycopg() as pg:
            pg.execute(statement)
        assert red(built) == set(), statement
    sync(built)
    assert red(built) == set(), "the days that changed are dirty, a bucket of its own"
    build_all(built, AUTUMN - 2 * DAY, AUTUMN + 2 * DAY)
    assert red(built) == set()


@pytest.mark.parametrize(
    ("finds", "wrong"),
    [
        ("clicks_add_up", "update analytics.revenue_daily set repeats = repeats + 1"),
        ("clicks_add_up", "update analytics.revenue_daily set actual_commission = actual_commission + 0.01"),
        ("clicks_add_up", "delete from analytics.revenue_daily"),
        ("clicks_add_up", "delete from pipeline.days where table_name = 'analytics.revenue_daily'"),
        ("conversions_add_up", "update analytics.commission_daily set conversions = conversions - 1"),
        ("conversions_add_up", "update analytics.commission_daily set actual_commission = 1.26"),
        ("conversions_add_up", "delete from pipeline.days where table_name = 'analytics.commission_daily'"),
        (
            "attribution_adds_up",
            "update analytics.attribution_daily set commission = commission + 0.01 where model = 'linear'",
        ),
        (
            "attribution_adds_up",
            "delete from analytics.attribution_daily where dimension = 'utm_source' and model = 'first'",
        ),
        ("attribution_adds_up", "delete from pipeline.days where table_name = 'analytics.attribution_daily'"),
        ("no_touch_explodes", "update pipeline.days set rows = 10001 where table_name = 'analytics.attribution_daily'"),
        ("products_add_up_to_clicks", "update analytics.product_revenue_daily set clicks = clicks + 1"),
        ("products_add_up_to_clicks", "update analytics.product_revenue_daily set actual_commission = null"),
        ("views_add_up", "update analytics.product_revenue_daily set detail_views = detail_views + 1"),
        ("views_add_up", "update analytics.product_revenue_daily set clicked_impressions = 0"),
        (
            "views_add_up",
            "update analytics.product_revenue_daily set detail_views = 0, machine_detail_views = detail_views",
        ),
        ("views_add_up", "delete from pipeline.days where table_name = 'analytics.product_revenue_daily'"),
        ("impressions_add_up", "update analytics.ctr_by_position_daily set machine_impressions = 1"),
        ("impressions_add_up", "delete from analytics.ctr_by_position_daily"),
        (
            "impressions_add_up",
            "update analytics.ctr_by_position_daily set expected_clicks = comparable_impressions + 1",
        ),
        ("sessions_add_up", "update analytics.session_funnel_daily set sessions = sessions + 1 where step = 1"),
        ("sessions_add_up", "delete from pipeline.days where table_name = 'analytics.session_funnel_daily'"),
        ("steps_add_up", "update analytics.session_steps set step_2_at = null"),
        ("steps_add_up", "delete from analytics.session_steps where path = 'all'"),
        ("no_step_grows", "update analytics.session_funnel_daily set sessions = sessions + 1 where step = 3"),
        ("no_step_grows", "delete from analytics.session_funnel_daily where step = 2"),
        ("no_dimension_explodes", "update pipeline.days set rows = 10001 where table_name = 'analytics.revenue_daily'"),
        (
            "no_landing_explodes",
            "update pipeline.days set rows = 10001 where table_name = 'analytics.session_funnel_daily'",
        ),
        (
            "quality_adds_up",
            "update analytics.session_quality_daily set sessions = sessions + 1, opened_none = opened_none + 1",
        ),
        ("quality_adds_up", "update analytics.session_quality_daily set opened_1 = opened_1 + 1"),
        ("quality_adds_up", "update analytics.session_quality_daily set bounces = viewing_sessions + 1"),
        ("quality_adds_up", "delete from analytics.session_quality_daily"),
        (
            "no_page_explodes",
            "update pipeline.days set rows = 10001 where table_name = 'analytics.session_quality_daily'",
        ),
        ("recommendations_add_up", "update analytics.recommendation_performance_daily set served = served + 1"),
        ("recommendations_add_up", "update analytics.recommendation_performance_daily set implausible_reactions = 1"),
        ("recommendations_add_up", "update analytics.recommendation_performance_daily set clicked = shown + 1"),
        ("recommendations_add_up", "delete from analytics.recommendation_performance_daily"),
        (
            "recommendations_add_up",
            "delete from pipeline.days where table_name = 'analytics.recommendation_performance_daily'",
        ),
        (
            "no_algorithm_explodes",
            "update pipeline.days set rows = 10001 where table_name = 'analytics.recommendation_performance_daily'",
        ),
        (
            "no_position_explodes",
            "update pipeline.days set rows = 10001 where table_name = 'analytics.ctr_by_position_daily'",
        ),
    ],
)
def test_what_is_wrong_in_a_published_table_is_found(built: Database, finds: str, wrong: str) -> None:
    with built.psycopg() as pg:
        pg.execute(wrong)
    assert finds in red(built)


def test_a_dimension_that_holds_ids_is_named(world_db: Database) -> None:
    load(world_db, {})
    with world_db.psycopg() as pg:
        pg.execute(
            """insert into public.affiliate_clicks
                   (product_id, session_id, click_timestamp, source_page, affiliate_network, affiliate_url, utm_source, utm_campaign)
               select %s, 's4', %s, 'search', 'awin', 'https://shop.example/', n %% 7, n || %s from generate_series(1, 10001) n""",
            [PRODUCTS[0]["id"], NOON, HOSTILE],
        )
    sync(world_db)
    build(world_db, "revenue_daily", AUTUMN, AUTUMN)
    [judged] = [of_file(file).judge(world_db) for file in CATALOG.checks if file.name == "no_dimension_explodes"]
    assert not judged.passed
    assert judged.sentence == "utm_campaign has 10001 values on 2026-10-25, which has 10001 rows"
