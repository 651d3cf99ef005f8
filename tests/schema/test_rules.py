"""What a row may say: every CHECK, every trigger, every foreign key's consequence."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from aclue_pipeline.postgres import Database, query
from aclue_pipeline.schema.scripts import table_names

pytestmark = pytest.mark.database

ANN, MUG, TIP = (f"00000000-0000-0000-0000-00000000000{digit}" for digit in "abc")

VALID: dict[str, dict[str, Any]] = {
    "affiliate_clicks": {"product_id": MUG, "session_id": "s", "source_page": "discover", "affiliate_network": "awin", "affiliate_url": "https://shop"},
    "user_preferences": {"user_id": ANN},
    "session_analytics": {"session_id": "s", "landing_page": "/"},
    "product_views": {"product_id": MUG, "session_id": "s"},
    "recommendation_feedback": {"recommendation_id": TIP, "user_id": ANN, "product_id": MUG, "feedback_value": 1, "model_version": "1"},
}  # fmt: skip

NOW, EARLIER = "2026-03-01 10:00+00", "2026-03-01 09:00+00"

#: For each CHECK, what it refuses.
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("affiliate_clicks", "device_type_check", {"device_type": "toaster"}),
    ("affiliate_clicks", "commission_rate_check", {"commission_rate": 4.5}),
    ("affiliate_clicks", "expected_commission_check", {"expected_commission": -1}),
    ("affiliate_clicks", "actual_commission_check", {"actual_commission": -1, "is_converted": True, "conversion_timestamp": NOW}),
    ("affiliate_clicks", "converted_has_time", {"is_converted": True}),
    ("affiliate_clicks", "commission_is_converted", {"actual_commission": 1}),
    ("affiliate_clicks", "commission_is_converted", {"actual_commission": 1, "is_converted": None}),
    ("user_preferences", "price_sensitivity_check", {"price_sensitivity": 1.5}),
    ("user_preferences", "right_swipes_check", {"total_swipes": 0, "right_swipes": -1, "left_swipes": 1, "engagement_rate": 0}),
    ("user_preferences", "left_swipes_check", {"total_swipes": 1, "right_swipes": 2, "engagement_rate": 0}),
    ("user_preferences", "super_likes_check", {"super_likes": -1}),
    ("user_preferences", "engagement_rate_check", {"engagement_rate": 1.2}),
    ("user_preferences", "data_quality_score_check", {"data_quality_score": 2}),
    ("user_preferences", "confidence_level_check", {"confidence_level": -0.1}),
    ("user_preferences", "swipes_add_up", {"total_swipes": 10, "right_swipes": 7, "left_swipes": 4}),
    ("user_preferences", "rate_follows_swipes", {"total_swipes": 10, "right_swipes": 7, "engagement_rate": 0.6}),
    ("session_analytics", "duration_seconds_check", {"duration_seconds": -1}),
    ("session_analytics", "pages_viewed_check", {"pages_viewed": 0}),
    *(
        ("session_analytics", f"{counter}_check", {counter: -1})
        for counter in ("total_clicks", "total_swipes", "products_viewed", "recommendations_viewed", "affiliate_clicks", "conversion_value")
    ),
    ("session_analytics", "session_quality_score_check", {"session_quality_score": 1.1}),
    ("session_analytics", "engagement_score_check", {"engagement_score": 1.1}),
    ("session_analytics", "ends_after_start", {"started_at": NOW, "ended_at": EARLIER}),
    ("session_analytics", "registered_has_time", {"has_registered": True}),
    ("session_analytics", "converted_has_time", {"has_converted": True}),
    ("product_views", "view_source_check", {"view_source": "newspaper"}),
    ("product_views", "interaction_type_check", {"interaction_type": "stare"}),
    ("product_views", "view_position_check", {"view_position": 0}),
    ("product_views", "view_duration_seconds_check", {"view_duration_seconds": -1}),
    ("product_views", "relevance_score_check", {"relevance_score": 1.1}),
    ("product_views", "predicted_interest_check", {"predicted_interest": -0.1}),
    ("recommendation_feedback", "feedback_type_check", {"feedback_type": "guessed"}),
    ("recommendation_feedback", "feedback_action_check", {"feedback_action": "frown"}),
    ("recommendation_feedback", "feedback_value_check", {"feedback_value": -1.1}),
    ("recommendation_feedback", "rating_check", {"rating": 6}),
    ("recommendation_feedback", "time_to_action_seconds_check", {"time_to_action_seconds": -1}),
    ("recommendation_feedback", "dwell_time_seconds_check", {"dwell_time_seconds": -1}),
    ("recommendation_feedback", "scroll_depth_check", {"scroll_depth": 1.1}),
    ("recommendation_feedback", "click_depth_check", {"click_depth": -1}),
    ("recommendation_feedback", "feedback_source_check", {"feedback_source": "letter"}),
    ("recommendation_feedback", "position_in_list_check", {"position_in_list": 0}),
    ("recommendation_feedback", "original_confidence_score_check", {"original_confidence_score": 1.1}),
    ("recommendation_feedback", "training_weight_check", {"training_weight": -1}),
]  # fmt: skip


@pytest.fixture
def pg(standing: Database) -> Iterator[psycopg.Connection]:
    """A transaction with a user, a product and a recommendation in it, rolled back afterwards."""
    with psycopg.connect(standing.url) as connection:
        connection.execute("set search_path = public")
        connection.execute("insert into auth.users (id, email) values (%s, 'ann@example.com')", [ANN])
        connection.execute("insert into products (id, title) values (%s, 'mug')", [MUG])
        connection.execute("insert into recommendations (id, user_id, product_id) values (%s, %s, %s)", [TIP, ANN, MUG])
        yield connection
        connection.rollback()


def insert(pg: psycopg.Connection, table: str, **given: Any) -> None:
    row = VALID[table] | given
    names, values = (sql.SQL(", ").join(parts) for parts in (map(sql.Identifier, row), [sql.Placeholder()] * len(row)))
    pg.execute(
        sql.SQL("insert into {} ({}) values ({})").format(sql.Identifier(table), names, values), list(row.values())
    )


@pytest.mark.parametrize("table", table_names())
def test_the_least_row_is_accepted(pg: psycopg.Connection, table: str) -> None:
    insert(pg, table)


@pytest.mark.parametrize(("table", "name", "given"), REFUSED, ids=[f"{table}: {given}" for table, _, given in REFUSED])
def test_each_check_refuses_what_it_is_for(
    pg: psycopg.Connection, table: str, name: str, given: dict[str, Any]
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        insert(pg, table, **given)
    assert caught.value.diag.constraint_name == f"{table}_{name}"


def test_no_check_is_left_untried(standing: Database) -> None:
    with standing.begin() as connection:
        checks = "select conname from pg_constraint where contype = 'c' and conrelid::regclass::text = any(:tables)"
        rows = query(connection, checks, tables=list(table_names()))
    # A total below 0 is refused by its parts before it is refused itself.
    assert {row["conname"] for row in rows} - {"user_preferences_total_swipes_check"} == {
        f"{table}_{name}" for table, name, _ in REFUSED
    }


def figures(pg: psycopg.Connection) -> tuple[int, int, int, Decimal]:
    return pg.execute(
        "select total_swipes, right_swipes, left_swipes, engagement_rate from user_preferences"
    ).fetchone()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (0, 0, 0, "0")),
        ({"total_swipes": 10, "right_swipes": 7}, (10, 7, 3, "0.7")),  # the guide's own test
        ({"total_swipes": 3, "right_swipes": 1}, (3, 1, 2, "0.3333")),
        ({"total_swipes": 3, "right_swipes": 2, "left_swipes": 1}, (3, 2, 1, "0.6667")),
        ({"total_swipes": 3, "right_swipes": 1, "left_swipes": 2, "engagement_rate": "0.3333"}, (3, 1, 2, "0.3333")),
    ],
)
def test_the_counters_alone_are_enough(
    pg: psycopg.Connection, given: dict[str, Any], expected: tuple[int, int, int, str]
) -> None:
    insert(pg, "user_preferences", **given)
    assert figures(pg) == (*expected[:3], Decimal(expected[3]))


def test_the_counters_alone_are_enough_on_update_and_upsert_too(pg: psycopg.Connection) -> None:
    insert(pg, "user_preferences", total_swipes=10, right_swipes=7)
    pg.execute("update user_preferences set total_swipes = 20, right_swipes = 8")
    assert figures(pg) == (20, 8, 12, Decimal("0.4"))
    pg.execute("update user_preferences set liked_brands = '{x}'")
    assert figures(pg) == (20, 8, 12, Decimal("0.4"))
    pg.execute(
        """insert into user_preferences (user_id, total_swipes, right_swipes) values (%s, 4, 4)
           on conflict (user_id) do update set total_swipes = excluded.total_swipes, right_swipes = excluded.right_swipes""", [ANN],
    )  # fmt: skip
    assert figures(pg) == (4, 4, 0, Decimal(1))
    with pytest.raises(psycopg.errors.CheckViolation):
        pg.execute("update user_preferences set total_swipes = 6, left_swipes = 1")


@pytest.mark.parametrize("table", ["affiliate_clicks", "user_preferences", "session_analytics"])
def test_an_update_moves_updated_at_whatever_the_writer_says(pg: psycopg.Connection, table: str) -> None:
    insert(pg, table, updated_at="2020-01-01", created_at="2020-01-01")
    pg.execute(f"update {table} set created_at = '2020-01-02', updated_at = '2020-01-03'")
    assert pg.execute(f"select updated_at = now() from {table}").fetchone() == (True,)


def test_deleting_an_account_takes_what_is_personal_and_leaves_what_is_counted(pg: psycopg.Connection) -> None:
    for table in ("affiliate_clicks", "session_analytics", "product_views"):
        insert(pg, table, user_id=ANN)
    insert(pg, "user_preferences")
    insert(pg, "recommendation_feedback")
    pg.execute("delete from recommendations")  # the app's own key would take it along
    assert pg.execute("select count(*) from recommendation_feedback").fetchone() == (0,)
    pg.execute("delete from auth.users")
    for table in ("affiliate_clicks", "session_analytics", "product_views"):
        assert pg.execute(f"select user_id from {table}").fetchall() == [(None,)], table
    assert pg.execute("select count(*) from user_preferences").fetchone() == (0,)


def test_deleting_a_product_takes_its_events(pg: psycopg.Connection) -> None:
    for table in ("affiliate_clicks", "product_views", "recommendation_feedback"):
        insert(pg, table)
    pg.execute("delete from products")
    for table in ("affiliate_clicks", "product_views", "recommendation_feedback"):
        assert pg.execute(f"select count(*) from {table}").fetchone() == (0,), table


@pytest.mark.parametrize(
    ("table", "column"),
    [("affiliate_clicks", "product_id"), ("product_views", "recommendation_id"), ("session_analytics", "user_id")],
)
def test_what_does_not_exist_cannot_be_referred_to(pg: psycopg.Connection, table: str, column: str) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        insert(pg, table, **{column: "00000000-0000-0000-0000-0000000000ff"})


def test_a_session_is_one_row(pg: psycopg.Connection) -> None:
    insert(pg, "session_analytics")
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(pg, "session_analytics")
