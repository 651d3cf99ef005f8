"""What a row may say: every CHECK, every trigger, every foreign key's consequence."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from aclue_pipeline.postgres import Database, claims, query
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.verify.probes import become
from aclue_pipeline.schema.verify.shape import shapes

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

#: Columns that must not be NaN, or infinite.
NUMBERS = {
    "affiliate_clicks": "expected_commission actual_commission",
    "user_preferences": "similarity_threshold",
    "session_analytics": "conversion_value",
    "product_views": "screen_density",
    "recommendation_feedback": "training_weight",
}
TIMES = {
    "affiliate_clicks": "click_timestamp conversion_timestamp created_at updated_at",
    "user_preferences": "last_calculated created_at updated_at adjusted_at",
    "session_analytics": "started_at ended_at last_activity_at registration_timestamp conversion_timestamp created_at updated_at",
    "product_views": "view_timestamp created_at",
    "recommendation_feedback": "processing_timestamp created_at",
}


def text(length: int) -> str:
    return "ß" * length


def json(length: int) -> str:
    return f'{{"x": "{"x" * (length - 9)}"}}'


def listed(length: int) -> list[str]:
    return ["x" * (length - 2)]  # and its brackets


#: The longest value that each bounded column takes.
LONGEST: list[tuple[str, str, int, Callable[[int], Any]]] = [
    (table, column, limit, value)
    for table, limit, value, columns in [
        ("affiliate_clicks", 200, text, "anonymous_id session_id affiliate_network utm_source utm_medium utm_campaign"),
        ("affiliate_clicks", 1_000, text, "user_agent"),
        ("affiliate_clicks", 2_000, text, "source_page"),
        ("affiliate_clicks", 4_000, text, "affiliate_url referrer_url"),
        ("user_preferences", 16_384, json, "category_preferences price_range brand_scores style_scores colour_preferences"),
        ("user_preferences", 16_384, json, "occasion_preferences recipient_preferences"),
        ("user_preferences", 16_384, listed, "liked_brands disliked_brands"),
        ("session_analytics", 200, text, "session_id anonymous_id device_type browser operating_system screen_resolution country_code"),
        ("session_analytics", 200, text, "city timezone utm_source utm_medium utm_campaign utm_content utm_term"),
        ("session_analytics", 2_000, text, "landing_page exit_page"),
        ("session_analytics", 4_000, text, "referrer_url"),
        ("session_analytics", 16_384, listed, "page_sequence"),
        ("product_views", 200, text, "session_id device_type viewport_size"),
        ("product_views", 1_000, text, "search_query"),
        ("product_views", 16_384, json, "filter_criteria"),
        ("recommendation_feedback", 200, text, "session_id model_version"),
        ("recommendation_feedback", 1_000, text, "comment"),
        ("recommendation_feedback", 16_384, listed, "feedback_tags"),
    ]
    for column in columns.split()
]  # fmt: skip

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
    *((table, f"{column}_is_number", {column: "NaN"}) for table, columns in NUMBERS.items() for column in columns.split()),
    *((table, f"{column}_is_finite", {column: "infinity"}) for table, columns in TIMES.items() for column in columns.split()),
    *((table, f"{column}_length", {column: value(limit + 1)}) for table, column, limit, value in LONGEST),
    *((table, f"{column}_length", {column: ["x"] * 101}) for table, column, _, value in LONGEST if value is listed),
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


@pytest.mark.parametrize(
    ("table", "name", "given"), REFUSED, ids=[f"{table}, {name}: {str(given)[:20]}" for table, name, given in REFUSED]
)
def test_each_check_refuses_what_it_is_for(
    pg: psycopg.Connection, table: str, name: str, given: dict[str, Any]
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        insert(pg, table, **given)
    assert caught.value.diag.constraint_name == f"{table}_{name}"


WHO = {"anon": claims.anon(), "authenticated": claims.user(ANN), "service_role": claims.service_role()}


def written(pg: psycopg.Connection, role: str, table: str, column: str, value: Any) -> str:
    """What comes of the role's writing the value: "accepted", "not granted", or the name of what refuses it."""
    verb = "update" if (role, table) == ("authenticated", "user_preferences") else "insert"
    row = VALID[table] | ({"user_id": ANN} if role == "authenticated" else {}) | {column: value}
    try:
        with pg.transaction(force_rollback=True):
            if verb == "update":
                insert(pg, table)
            become(pg, WHO[role])
            (may,) = pg.execute("select has_column_privilege(%s, %s, %s)", [table, column, verb]).fetchone() or ()
            if not may:
                return "not granted"
            if verb == "update":
                pg.execute(sql.SQL("update user_preferences set {} = %s").format(sql.Identifier(column)), [value])
            else:
                insert(pg, table, **row)
    except psycopg.errors.CheckViolation as error:
        return str(error.diag.constraint_name)
    except psycopg.errors.InsufficientPrivilege as error:
        return str(error).partition(" for table")[0]
    return "accepted"


@pytest.mark.parametrize("role", WHO)
def test_whoever_writes_the_longest_is_accepted_and_one_more_is_refused(pg: psycopg.Connection, role: str) -> None:
    tried = set()
    for table, column, limit, value in LONGEST:
        outcome = written(pg, role, table, column, value(limit))
        assert outcome in ("accepted", "not granted"), (table, column)
        if outcome == "accepted":
            tried.add((table, column))
            assert written(pg, role, table, column, value(limit + 1)) == f"{table}_{column}_length"
        if outcome == "accepted" and value is listed:
            assert written(pg, role, table, column, ["x"] * 100) == "accepted"
    assert len(tried) == {"anon": 33, "authenticated": 46, "service_role": 46}[role]


@pytest.mark.parametrize("role", WHO)
def test_whoever_writes_no_number_is_nan_and_no_time_infinite_or_from_another_age(
    pg: psycopg.Connection, role: str
) -> None:
    for table, columns in NUMBERS.items():
        for column in columns.split():
            assert written(pg, role, table, column, "NaN") in (f"{table}_{column}_is_number", "not granted")
    clients = role != "service_role"  # the server may load history, and what it expects
    tried = set()
    for table, columns in TIMES.items():
        for column in columns.split():
            refused = {
                "new row violates row-level security policy",
                f"{table}_{column}_is_finite",
                f"{table}_ends_after_start",
            }
            for value in ("infinity", "-infinity", "0001-01-01", "4713-01-01 BC", "9999-12-31", "294276-12-31"):
                outcome = written(pg, role, table, column, value)
                if "infinity" in value or clients:
                    assert outcome in (*refused, "not granted"), (table, column, value)
                if outcome != "not granted":
                    tried.add(column)
    events = {
        "click_timestamp",
        "started_at",
        "ended_at",
        "last_activity_at",
        "registration_timestamp",
        "view_timestamp",
    }
    assert tried >= events
    assert tried == events or not clients


@pytest.mark.parametrize("role", WHO)
def test_what_a_client_leaves_out_is_now_and_a_new_id_and_what_the_server_does_stays(
    pg: psycopg.Connection, role: str
) -> None:
    for table, column in {name: one.time for name, one in shapes().items() if one.ownerless}.items():
        become(pg, WHO[role])
        insert(pg, table, **{column: None})
        if role != "service_role":
            insert(pg, table, id=None, session_id="t")
        pg.execute("reset role")
        rows = pg.execute(f"select {column} = now(), id is null from {table}").fetchall()
        assert rows == ([(None, False)] if role == "service_role" else [(True, False)] * 2)


def test_feedback_of_a_batch_that_gives_no_id_gets_one(pg: psycopg.Connection) -> None:
    become(pg, WHO["authenticated"])
    insert(pg, "recommendation_feedback", id=None)
    assert pg.execute("select count(*) from recommendation_feedback").fetchone() == (1,)


def adjusted(pg: psycopg.Connection, role: str, statement: str) -> bool:
    """Whether the statement left the profile marked as adjusted."""
    become(pg, WHO[role])
    pg.execute(statement.encode())
    pg.execute("reset role")
    (at,) = pg.execute("select adjusted_at from user_preferences").fetchone() or ()
    pg.execute("update user_preferences set adjusted_at = null")
    return at is not None


def test_a_profile_is_adjusted_where_a_user_begins_or_changes_what_may_be_adjusted(pg: psycopg.Connection) -> None:
    upsert = f"""insert into user_preferences (user_id, liked_brands) values ('{ANN}', '{{%s}}')
                 on conflict (user_id) do update set user_id = excluded.user_id, liked_brands = excluded.liked_brands"""
    assert adjusted(pg, "authenticated", upsert % "Mine")
    assert not adjusted(pg, "authenticated", upsert % "Mine")  # nothing changed
    assert adjusted(pg, "authenticated", upsert % "Other")
    assert adjusted(pg, "authenticated", "update user_preferences set similarity_threshold = null")
    assert not adjusted(pg, "service_role", "update user_preferences set liked_brands = '{Theirs}', total_swipes = 1")
    pg.execute("delete from user_preferences")
    assert not adjusted(pg, "authenticated", f"insert into user_preferences (user_id) values ('{ANN}')")


def test_no_check_is_left_untried(standing: Database) -> None:
    with standing.begin() as connection:
        checks = "select conname from pg_constraint where contype = 'c' and conrelid::regclass::text = any(:tables)"
        rows = query(connection, checks, tables=list(table_names()))
    # A total below 0 is refused by its parts before it is refused itself.
    assert {row["conname"] for row in rows} - {"user_preferences_total_swipes_check"} == {
        f"{table}_{name}" for table, name, _ in REFUSED
    }


@pytest.mark.parametrize("table", table_names())
def test_typed_clients_are_asked_for_no_more_than_the_least_row(pg: psycopg.Connection, table: str) -> None:
    """As `supabase gen types` sees it: what has a default, or may be NULL, need not be given."""
    required = (
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attnotnull and not atthasdef"
    )
    assert {name for (name,) in pg.execute(required, [table])} <= VALID[table].keys()


def figures(pg: psycopg.Connection) -> tuple[int, int, int, Decimal]:
    return pg.execute(
        "select total_swipes, right_swipes, left_swipes, engagement_rate from user_preferences"
    ).fetchone()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (0, 0, 0, "0")),
        ({"total_swipes": 10, "right_swipes": 7}, (10, 7, 3, "0.7")),
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
