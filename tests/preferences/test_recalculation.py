"""Recalculation on a real server: whose profile is computed, what is left behind, and what a kill in the middle leaves."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from aclue_pipeline import preferences
from aclue_pipeline.checks import ask
from aclue_pipeline.derived import erasure
from aclue_pipeline.errors import AlreadyRunning, MissingPrerequisite
from aclue_pipeline.postgres import Database, claims, query
from aclue_pipeline.postgres.locks import advisory_lock
from aclue_pipeline.preferences import arrays, changed, signals, store, versions
from aclue_pipeline.preferences.baselines import BASELINES
from aclue_pipeline.preferences.catalogue import vocabulary_of
from aclue_pipeline.preferences.facets import FACETS
from aclue_pipeline.preferences.figures import measured
from aclue_pipeline.preferences.kernel import profiles
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.publish import Publisher
from aclue_pipeline.preferences.rows import lines
from tests.conftest import Databases
from tests.erasure.test_clearing import everywhere
from tests.preferences.database import fingerprints_in, give_feedback, profiles_in, scalar, swipe, train
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


@pytest.fixture
def shop(databases: Databases) -> Database:
    """A stocked shop with a model, no profile yet."""
    return databases.copy("stocked_shop")


@pytest.fixture
def profiled(databases: Databases) -> Database:
    return databases.copy("profiled_shop")


# --- what is computed -----------------------------------------------------------------------------------------------------


def test_every_user_with_a_signal_gets_every_column(profiled: Database) -> None:
    rows = profiles_in(profiled)
    assert len(rows) == scalar(profiled, "select count(distinct user_id) from pipeline.signals")
    assert all(value is not None for row in rows for value in row.values())
    assert all(
        row["price_range"]["min"] <= row["price_range"]["sweet_spot"] <= row["price_range"]["max"] for row in rows
    )
    assert any(row["category_preferences"] for row in rows)
    assert all(set(row["category_preferences"]) == set(row["category_confidence"]) for row in rows)
    assert all(len(row["embedding_vector"]) == 16 for row in rows)


def test_counters_are_the_swipes_as_the_app_counts_them(profiled: Database) -> None:
    with profiled.begin() as connection:
        counted = query(
            connection,
            """select user_id, count(*) filter (where swipe_direction <> 'down') as total,
                   count(*) filter (where swipe_direction in ('right', 'up')) as liked,
                   count(*) filter (where swipe_direction = 'up') as super
               from public.swipe_interactions group by user_id""",
        )
    expected = {row["user_id"]: (row["total"], row["liked"], row["super"]) for row in counted}
    for row in profiles_in(profiled):
        total, liked, super_likes = expected.get(row["user_id"], (0, 0, 0))
        assert (row["total_swipes"], row["right_swipes"], row["super_likes"]) == (total, liked, super_likes)
        rate = (Decimal(liked) / total).quantize(Decimal("0.0001"), "ROUND_HALF_UP") if total else Decimal(0)
        assert row["engagement_rate"] == rate


def test_the_row_alone_predicts_what_the_profile_in_memory_predicts(profiled: Database) -> None:
    from aclue_pipeline.preferences.predictor import Weights, predict, probability

    with profiled.psycopg() as pg:
        model = store.load_model(pg)
        (block,) = signals.blocks(pg, signals.ALL, Lookup(model.items.ids), model.vocabulary)
    weights = Weights.of(profiles(block.events, model), model.vocabulary)
    every = np.arange(len(model.items))
    for number, row in enumerate(profiles_in(profiled)):
        expected = probability(weights, np.full(len(every), number), every, model)
        assert predict(row, every, model).tolist() == expected.tolist()
    nobody = predict(None, every, model)
    assert 0 < nobody.min() < nobody.max() < 1


def test_the_other_catalogue_shape_gives_profiles_too(databases: Any) -> None:
    db = databases.copy("deployed_b")
    with db.begin() as connection:
        query(connection, "insert into auth.users (id) values (md5('user1')::uuid), (md5('user2')::uuid)")
        query(
            connection,
            """insert into public.products (id, title, brand, price, category, retailer)
               select md5('product' || n)::uuid, 'Red mug ' || n, 'Acme', n, 'Kitchen', 'amazon' from generate_series(1, 9) n""",
        )
        for n in range(1, 10):
            swipe(connection, 1 + n % 2, n, "right" if n % 3 else "left")
    train(db)
    assert preferences.recalculate(db).users == 2
    (row, _) = profiles_in(db)
    assert list(row["category_preferences"]) == ["kitchen"]
    assert list(row["colour_preferences"]) == ["red"]


# --- who is recalculated ---------------------------------------------------------------------------------------------------


def test_without_a_change_nothing_is_recalculated_and_no_row_is_touched(profiled: Database) -> None:
    before = scalar(
        profiled, "select array_agg(xmin::text || ctid::text order by user_id) from public.user_preferences"
    )
    assert preferences.recalculate(profiled).users == 0
    again = preferences.recalculate(profiled, full=True)
    assert (again.published.written, again.published.unchanged) == (0, again.users)
    assert (
        scalar(profiled, "select array_agg(xmin::text || ctid::text order by user_id) from public.user_preferences")
        == before
    )


def test_with_nothing_to_do_neither_the_model_nor_what_products_are_like_is_read(profiled: Database) -> None:
    with profiled.begin() as connection:
        query(connection, "alter view pipeline.item_features rename to away")
        query(connection, "update pipeline.taste_models set parameters = '{}'")
    assert preferences.recalculate(profiled).users == 0


CHANGES: dict[str, tuple[str, int]] = {
    "a new swipe": (
        "insert into public.swipe_interactions (user_id, product_id, swipe_direction) values (:ann, md5('product3')::uuid, 'right')",
        1,
    ),
    "a swipe that came late": (
        """insert into public.swipe_interactions (user_id, product_id, swipe_direction, swipe_timestamp)
           values (:ann, md5('product4')::uuid, 'up', now() - interval '250 days')""",
        1,
    ),
    "a swipe that was changed": (
        """update public.swipe_interactions set swipe_direction = case swipe_direction when 'left' then 'right' else 'left' end
           where id = (select min(id::text)::uuid from public.swipe_interactions where user_id = :ann)""",
        1,
    ),
    "a swipe that is gone": (
        """delete from public.swipe_interactions
           where id = (select min(id::text)::uuid from public.swipe_interactions where user_id = :ann)""",
        1,
    ),
    "another occasion": ("update public.swipe_sessions set occasion = 'easter' where user_id = :ann", 1),
    "feedback that no longer counts": (
        "update public.recommendation_feedback set is_validated = false where user_id = :ann",
        1,
    ),
    "a profile that was deleted": ("delete from public.user_preferences where user_id = :ann", 1),
    "a deleted account": ("delete from auth.users where id = :ann", 0),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_the_user_concerned_is_recalculated(profiled: Database, change: str) -> None:
    statement, users = CHANGES[change]
    ann = scalar(profiled, "select md5('user3')::uuid")
    with profiled.begin() as connection:
        query(connection, statement, ann=ann)
    assert preferences.recalculate(profiled).users == users
    assert preferences.recalculate(profiled, full=True).published.written == 0


def _a_day_in_the_shop(connection: Any, draws: random.Random) -> None:
    """Swipes of any time, swipes and an account deleted, feedback, a new product and its first like."""
    for _ in range(6):
        direction = draws.choice(["left", "right", "up", "down"])
        swipe(connection, draws.randint(1, 60), draws.randint(1, 80), direction, draws.random() * 400)
    query(
        connection,
        """delete from public.swipe_interactions
           where id in (select id from public.swipe_interactions order by md5(id::text) limit 5)""",
    )
    query(connection, "delete from auth.users where id = md5('user' || :n)::uuid", n=draws.randint(1, 60))
    (survivor,) = query(
        connection,
        """select n from generate_series(1, 60) as n join auth.users as u on u.id = md5('user' || n)::uuid
           order by n limit 1""",
    )
    give_feedback(connection, survivor["n"], draws.randint(1, 80), draws.choice([-1.0, 0.5, 1.0]))
    query(
        connection,
        """with new as (
               insert into public.products (title, brand, price_min, price_max, tags)
               values ('New blue mug', 'Acme', 5, 7, '{modern}') returning id
           )
           insert into public.swipe_interactions (user_id, product_id, swipe_direction)
           select md5('user' || :n)::uuid, id, 'right' from new""",
        n=survivor["n"],
    )


def test_incremental_is_full_after_many_changes(profiled: Database) -> None:
    draws = random.Random(4)
    for _ in range(4):
        with profiled.begin() as connection:
            _a_day_in_the_shop(connection, draws)
        preferences.recalculate(profiled)
    incremental, marks = profiles_in(profiled), fingerprints_in(profiled)
    full = preferences.recalculate(profiled, full=True)
    assert (full.published.written, full.published.removed) == (0, 0)
    with profiled.begin() as connection:
        query(connection, "truncate public.user_preferences, pipeline.profile_fingerprints")
    preferences.recalculate(profiled, full=True)
    assert profiles_in(profiled) == incremental
    assert fingerprints_in(profiled) == marks


def test_in_whatever_order_events_arrive_no_bit_moves(profiled: Database) -> None:
    before = profiles_in(profiled)
    with profiled.psycopg() as pg:
        for table in ("swipe_interactions", "recommendation_feedback"):
            pg.execute(f"create temp table loaded as select * from public.{table} order by md5(id::text)")
            pg.execute(f"delete from public.{table}")
            pg.execute(f"insert into public.{table} select * from pg_temp.loaded")
            pg.execute("drop table pg_temp.loaded")
    assert not preferences.train(profiled).is_new
    done = preferences.recalculate(profiled)
    assert (done.users, done.published.written) == (len(before), 0)
    assert profiles_in(profiled) == before


def test_a_deleted_product_changes_whose_events_went_with_it_and_where_they_stay_nobody(profiled: Database) -> None:
    judges = scalar(
        profiled, "select count(distinct user_id) from pipeline.signals where product_id = md5('product3')::uuid"
    )
    with profiled.begin() as connection:
        query(connection, "delete from public.products where id = md5('product3')::uuid")
    assert preferences.recalculate(profiled).users == judges > 0
    before = profiles_in(profiled)
    with profiled.psycopg() as pg:  # of an app that keeps them
        for table in ("swipe_interactions", "recommendation_feedback", "recommendations"):
            pg.execute(f"alter table public.{table} drop constraint {table}_product_id_fkey")
        pg.execute("delete from public.products where id = md5('product4')::uuid")
    assert preferences.recalculate(profiled).users == 0
    assert preferences.recalculate(profiled, full=True).published.written == 0
    assert profiles_in(profiled) == before
    train(profiled)  # without it
    assert preferences.recalculate(profiled).users == len(before)
    assert preferences.recalculate(profiled, full=True).published.written == 0


def test_whatever_changes_of_an_event_is_noticed(profiled: Database) -> None:
    """Each column that a signal is made of, one after the other, of one swipe, its round and one piece of feedback."""
    whose = "user_id = md5('user3')::uuid"
    swiped = (
        f"id = (select min(id::text)::uuid from public.swipe_interactions where {whose} and session_id is not null)"
    )
    changes = [
        ("swipe_interactions", swiped, "product_id = md5('product9')::uuid"),
        ("swipe_interactions", swiped, "swipe_timestamp = swipe_timestamp - interval '1 second'"),
        ("swipe_interactions", swiped, "time_spent_seconds = coalesce(time_spent_seconds, 0) + 7"),
        ("swipe_interactions", swiped, "preference_strength = 0.97"),
        ("swipe_interactions", swiped, "session_id = null"),
        ("swipe_sessions", whose, "recipient_relationship = 'colleague'"),
        ("recommendation_feedback", whose, "feedback_value = -0.25"),
        ("recommendation_feedback", whose, "feedback_type = 'explicit'"),
        ("recommendation_feedback", whose, "feedback_tags = '{price}'"),
        ("recommendation_feedback", whose, "training_weight = 0.5"),
        ("recommendation_feedback", whose, "created_at = created_at - interval '1 second'"),
        ("recommendation_feedback", whose, "product_id = md5('product9')::uuid"),
        ("recommendation_feedback", whose, "is_validated = false"),
    ]
    for table, where, change in changes:
        with profiled.psycopg() as pg:
            assert pg.execute(f"update public.{table} set {change} where {where}").rowcount > 0, change
        assert preferences.recalculate(profiled).users == 1, change
        assert preferences.recalculate(profiled).users == 0, change
    assert preferences.recalculate(profiled, full=True).published.written == 0


def test_a_new_model_version_is_a_change_for_everybody(profiled: Database) -> None:
    trained = train(profiled, half_life_days=60)
    assert trained.is_new
    assert preferences.recalculate(profiled).users == len(profiles_in(profiled))
    assert {row["calculation_version"] for row in profiles_in(profiled)} == {trained.version}


def test_a_change_that_is_committed_late_is_not_lost(profiled: Database) -> None:
    """The newest transaction alone would not tell: another began later and was committed sooner."""
    change = "update public.swipe_interactions set swipe_direction = 'down' where user_id = md5('user3')::uuid"
    with profiled.psycopg() as late:
        late.execute(change)
        with profiled.begin() as connection:
            swipe(connection, 3, 9, "up")
        assert preferences.recalculate(profiled).users == 1
        late.commit()
    assert preferences.recalculate(profiled).users == 1
    assert preferences.recalculate(profiled, full=True).published.written == 0


def test_newcomers_new_events_and_accounts_that_go_are_found_without_looking_at_each_user(
    profiled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = changed.FOUND
    monkeypatch.setattr(changed, "FOUND", "no such thing")
    with profiled.begin() as connection:
        swipe(connection, 3, 9, "up")
        query(connection, "insert into auth.users (id) values (md5('user888')::uuid)")
        query(
            connection,
            "insert into public.swipe_sessions (user_id, occasion) select md5('user' || n)::uuid, 'easter' from unnest(array[3, 888]) as n",
        )
    assert preferences.recalculate(profiled).users == 1, "a newcomer who has done no more than begin a round"
    with profiled.begin() as connection:
        swipe(connection, 888, 9, "up")
        query(connection, "delete from auth.users where id = md5('user4')::uuid")
    done = preferences.recalculate(profiled)
    assert (done.users, done.published.removed) == (1, 0), "the account took its profile along"
    assert preferences.recalculate(profiled).users == 0
    monkeypatch.setattr(changed, "FOUND", found)
    assert preferences.recalculate(profiled, full=True).published.written == 0


def test_what_another_person_said_for_a_round_of_swiping_says_nothing_of_who_swiped_in_it(profiled: Database) -> None:
    with profiled.begin() as connection:
        of_another = (
            "(select id from public.swipe_sessions where user_id = md5('user4')::uuid and occasion is not null limit 1)"
        )
        query(
            connection,
            f"update public.swipe_interactions set session_id = {of_another} where user_id = md5('user3')::uuid",
        )
    preferences.recalculate(profiled)
    theirs = next(
        row for row in profiles_in(profiled) if row["user_id"] == scalar(profiled, "select md5('user3')::uuid")
    )
    assert (theirs["occasion_preferences"], theirs["recipient_preferences"]) == ({}, {})
    with profiled.begin() as connection:
        query(connection, f"update public.swipe_sessions set occasion = 'wedding ring' where id = {of_another}")
    assert preferences.recalculate(profiled).users == 1
    assert preferences.recalculate(profiled, full=True).published.written == 0


# --- who leaves no trace ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("full", [False, True])
def test_deleted_users_and_users_without_events_leave_no_trace(profiled: Database, full: bool) -> None:
    with profiled.begin() as connection:
        query(connection, "delete from auth.users where id = md5('user1')::uuid")
        query(connection, "delete from public.swipe_interactions where user_id = md5('user2')::uuid")
        query(connection, "delete from public.recommendation_feedback where user_id = md5('user2')::uuid")
    preferences.recalculate(profiled, full=full)
    gone = {scalar(profiled, "select md5('user1')::uuid"), scalar(profiled, "select md5('user2')::uuid")}
    assert not gone & {row["user_id"] for row in profiles_in(profiled)}
    assert not gone & {row["user_id"] for row in fingerprints_in(profiled)}


def test_without_any_event_left_nothing_is_left(profiled: Database) -> None:
    with profiled.begin() as connection:
        query(connection, "truncate public.swipe_interactions, public.recommendation_feedback")
    assert preferences.recalculate(profiled, full=True).users == 0
    assert profiles_in(profiled) == fingerprints_in(profiled) == []


def test_a_user_deleted_while_the_block_is_written_takes_nobody_along(shop: Database) -> None:
    with shop.psycopg() as reader, shop.psycopg() as writer:
        model = store.load_model(reader)
        (block,) = signals.blocks(reader, signals.ALL, Lookup(model.items.ids), model.vocabulary)
        reader.commit()
        with shop.begin() as connection:
            query(connection, "delete from auth.users where id = md5('user7')::uuid")
        text = lines(block.users, profiles(block.events, model), model)
        none = signals.Fingerprints([0] * len(block.users), [0] * len(block.users))
        done = Publisher(writer, model.version, datetime.now(UTC), datetime.now(UTC), 3).publish(block, none, text, {})
    assert done.written == len(block.users) - 1 == len(profiles_in(shop)) == len(fingerprints_in(shop))


# --- feedback -----------------------------------------------------------------------------------------------------------------


def test_feedback_is_marked_in_the_profiles_transaction_and_only_what_was_taken_in(profiled: Database) -> None:
    assert (
        scalar(
            profiled,
            "select count(*) from public.recommendation_feedback where not is_processed and feedback_value <> 0",
        )
        == 0
    )
    with profiled.begin() as connection:
        give_feedback(connection, 5, 6, -1.0, tags="{too_expensive}")
        query(
            connection,
            "update public.recommendation_feedback set is_validated = false where not is_processed and feedback_value = 0",
        )
    done = preferences.recalculate(profiled)
    assert (done.users, done.published.feedback) == (1, 1)
    marked = scalar(
        profiled,
        """select f.processing_timestamp = p.last_calculated
           from public.recommendation_feedback f join public.user_preferences p using (user_id)
           where f.feedback_tags = '{too_expensive}'""",
    )
    assert marked is True
    assert (
        scalar(
            profiled, "select count(*) from public.recommendation_feedback where is_processed and feedback_value = 0"
        )
        == 0
    )


# --- what a person changed ------------------------------------------------------------------------------------------------------


def adjust(db: Database, user: int, values: str) -> None:
    """As the user, by the upsert that Supabase's clients send."""
    with db.begin() as connection:
        (row,) = query(connection, "select md5('user' || :user)::uuid::text as id", user=user)
        them = claims.user(row["id"])
        query(
            connection,
            "select set_config('role', :role, true), set_config('request.jwt.claims', :claims, true)",
            role=them.role,
            claims=them.json,
        )
        query(
            connection,
            f"""insert into public.user_preferences (user_id, category_preferences, liked_brands) values {values}
                on conflict (user_id) do update set user_id = excluded.user_id,
                    category_preferences = excluded.category_preferences, liked_brands = excluded.liked_brands""",
        )


def test_a_new_users_first_adjustment_is_kept_and_what_it_left_open_is_computed(profiled: Database) -> None:
    with profiled.begin() as connection:
        query(connection, "insert into auth.users (id) values (md5('user999')::uuid)")
    adjust(profiled, 999, "(auth.uid(), null, '{Mine}')")
    with profiled.begin() as connection:
        for product in range(1, 10):
            swipe(connection, 999, product)
    done = preferences.recalculate(profiled)
    assert (done.published.written, done.published.adjusted) == (1, 1)
    row = next(row for row in profiles_in(profiled) if row["liked_brands"] == ["Mine"])
    assert (row["total_swipes"], row["engagement_rate"]) == (9, 1)
    assert row["category_preferences"]


def test_an_adjustment_taken_back_is_computed_again(profiled: Database) -> None:
    before = profiles_in(profiled)
    adjust(profiled, 4, """(auth.uid(), '{"mine": 1}', '{Mine}')""")
    assert preferences.recalculate(profiled).users == 1
    adjust(profiled, 4, "(auth.uid(), null, null)")
    done = preferences.recalculate(profiled)
    assert (done.users, done.published.written) == (1, 1)
    assert profiles_in(profiled) == before
    assert preferences.recalculate(profiled).users == 0


@pytest.mark.parametrize("full", [False, True])
def test_what_a_user_adjusted_outlives_the_events(profiled: Database, full: bool) -> None:
    adjust(profiled, 4, "(auth.uid(), null, '{Mine}')")
    with profiled.begin() as connection:
        query(connection, "delete from public.swipe_interactions where user_id = md5('user4')::uuid")
        query(connection, "delete from public.recommendation_feedback where user_id = md5('user4')::uuid")
    preferences.recalculate(profiled, full=full)
    row = next(row for row in profiles_in(profiled) if row["liked_brands"] == ["Mine"])
    assert (row["total_swipes"], row["left_swipes"], row["confidence_level"]) == (0, 0, 0)
    assert preferences.recalculate(profiled).users == 0
    assert preferences.recalculate(profiled, full=True).published.written == 0


def test_what_the_server_corrects_is_no_adjustment(profiled: Database) -> None:
    with profiled.begin() as connection:
        query(
            connection,
            "update public.user_preferences set liked_brands = '{Theirs}' where user_id = md5('user4')::uuid",
        )
        swipe(connection, 4, 9, "up")
    assert preferences.recalculate(profiled).published.adjusted == 0
    assert all(row["liked_brands"] != ["Theirs"] for row in profiles_in(profiled))


def test_what_a_user_adjusted_is_not_overwritten(profiled: Database) -> None:
    adjust(profiled, 4, """(auth.uid(), '{"mine": 1}', '{Mine}')""")
    for _ in range(2):
        with profiled.begin() as connection:
            swipe(connection, 4, 9, "up")
        before = scalar(profiled, "select total_swipes from public.user_preferences where user_id = md5('user4')::uuid")
        done = preferences.recalculate(profiled)
        assert (done.published.written, done.published.adjusted) == (1, 1)
        row = next(row for row in profiles_in(profiled) if row["liked_brands"] == ["Mine"])
        assert row["category_preferences"] == {"mine": 1}
        assert row["total_swipes"] == before + 1
    assert preferences.recalculate(profiled, full=True).published.written == 0


def test_an_update_that_changes_nothing_is_no_adjustment(profiled: Database) -> None:
    mine = "(select {} from public.user_preferences where user_id = auth.uid())"
    adjust(profiled, 4, f"(auth.uid(), {mine.format('category_preferences')}, {mine.format('liked_brands')})")
    assert scalar(profiled, "select count(adjusted_at) from public.user_preferences") == 0


def test_after_a_reset_a_profile_is_what_it_would_be_had_nobody_adjusted_it_and_moves_with_events(
    profiled: Database,
) -> None:
    before = profiles_in(profiled)
    me = scalar(profiled, "select md5('user4')::uuid as id")
    assert not preferences.reset(profiled, me)  # nothing was adjusted
    assert preferences.recalculate(profiled).users == 0
    adjust(profiled, 4, """(auth.uid(), '{"mine": 1}', '{Mine}')""")
    assert preferences.reset(profiled, me)
    assert profiles_in(profiled) == before
    assert not preferences.reset(profiled, me)
    assert preferences.recalculate(profiled).users == 0
    with profiled.begin() as connection:
        for product in range(1, 30):
            swipe(connection, 4, product, "left")
    preferences.recalculate(profiled)
    moved = next(row for row in profiles_in(profiled) if row["user_id"] == me)
    assert moved["category_preferences"] != next(row for row in before if row["user_id"] == me)["category_preferences"]


def test_a_reset_of_a_profile_that_rests_on_no_event_leaves_none(profiled: Database) -> None:
    adjust(profiled, 4, "(auth.uid(), null, '{Mine}')")
    with profiled.begin() as connection:
        query(connection, "delete from public.swipe_interactions where user_id = md5('user4')::uuid")
        query(connection, "delete from public.recommendation_feedback where user_id = md5('user4')::uuid")
    preferences.recalculate(profiled)
    assert preferences.reset(profiled, scalar(profiled, "select md5('user4')::uuid as id"))
    assert scalar(profiled, "select count(*) from public.user_preferences where user_id = md5('user4')::uuid") == 0


def test_where_no_price_was_seen_none_is_published_and_nobody_is_recalculated_for_that(shop: Database) -> None:
    with shop.begin() as connection:
        query(connection, "update public.products set price_min = null, price_max = null")
    train(shop)
    preferences.recalculate(shop)
    assert all(row["price_range"] is None for row in profiles_in(shop))
    adjust(shop, 4, """(auth.uid(), '{"mine": 1}', '{Mine}')""")
    assert preferences.recalculate(shop).users == 1  # takes notice of the adjustment, once
    assert preferences.recalculate(shop).users == 0
    assert preferences.recalculate(shop, full=True).published.written == 0


# --- blocks, kills and refusals -----------------------------------------------------------------------------------------------------


def test_blocks_are_bounded_and_cut_between_users(shop: Database) -> None:
    with shop.psycopg() as pg:
        model = store.load_model(pg)
        lookup = Lookup(model.items.ids)
        (whole,) = signals.blocks(pg, signals.ALL, lookup, model.vocabulary)
        small = list(signals.blocks(pg, signals.ALL, lookup, model.vocabulary, block_events=100))
    most = int(np.bincount(whole.events.user).max())
    assert len(small) > 5
    assert all(len(block.events) <= 100 + 100 + most for block in small)
    assert [user for block in small for user in block.users.tolist()] == whole.users.tolist()
    expected = lines(whole.users, profiles(whole.events, model), model)
    assert b"".join(lines(block.users, profiles(block.events, model), model) for block in small) == expected


_RUN = """
import sys
from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database
preferences.recalculate(Database(sys.argv[1]), full=True, block_events=60, progress=lambda line: print(line, flush=True))
"""


def _killed_at(db: Database, moment: Callable[[subprocess.Popen[str]], None]) -> None:
    with subprocess.Popen([sys.executable, "-c", _RUN, db.url], stdout=subprocess.PIPE, text=True) as run:
        moment(run)
        run.kill()


def _after_blocks(blocks: int) -> Callable[[subprocess.Popen[str]], None]:
    def moment(run: subprocess.Popen[str]) -> None:
        assert run.stdout is not None
        for _ in range(blocks):
            run.stdout.readline()

    return moment


def _assert_consistent(db: Database) -> None:
    """At every moment profiles, fingerprints and marks agree."""
    halves = """select count(*) from public.user_preferences p full join pipeline.profile_fingerprints f using (user_id)
        where p.user_id is null or f.user_id is null"""
    assert scalar(db, halves) == 0
    contradictions = """select count(*) from pipeline.signals s left join pipeline.profile_fingerprints f using (user_id)
        where s.source = 'feedback' and s.is_pending = (f.user_id is not null)"""
    assert scalar(db, contradictions) == 0


def _wait_until_alone(db: Database) -> None:
    """The server notices a killed client when it next reads from it."""
    others = """select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
            and (state <> 'idle' or pid in (select pid from pg_locks where locktype = 'advisory'))"""
    for _ in range(200):
        if scalar(db, others) == 0:
            return
        time.sleep(0.05)


def _disturbed_equals_undisturbed(shop: Database, moments: list[Callable[[subprocess.Popen[str]], None]]) -> None:
    preferences.recalculate(shop, full=True)
    undisturbed, marks = profiles_in(shop), fingerprints_in(shop)
    for moment in moments:
        with shop.begin() as connection:
            query(connection, "truncate public.user_preferences, pipeline.profile_fingerprints")
            query(
                connection,
                "update public.recommendation_feedback set is_processed = false, processing_timestamp = null",
            )
        _killed_at(shop, moment)
        _wait_until_alone(shop)
        _assert_consistent(shop)
        preferences.recalculate(shop)
        assert profiles_in(shop) == undisturbed
        assert fingerprints_in(shop) == marks
        _assert_consistent(shop)


def test_killed_in_the_middle_the_next_run_finishes(shop: Database) -> None:
    _disturbed_equals_undisturbed(shop, [_after_blocks(4)])


@pytest.mark.slow
def test_killed_at_ten_random_moments_the_next_run_finishes(shop: Database) -> None:
    draws = random.Random(11)

    def waiting(seconds: float) -> Callable[[subprocess.Popen[str]], None]:
        return lambda run: (_after_blocks(1)(run), time.sleep(seconds))[0]

    _disturbed_equals_undisturbed(shop, [waiting(draws.random() * 0.3) for _ in range(10)])


def test_one_recalculation_at_a_time(profiled: Database) -> None:
    with (
        profiled.autocommit() as lock,
        advisory_lock(lock, "recalculation of preferences"),
        pytest.raises(AlreadyRunning, match="wait"),
    ):
        preferences.recalculate(profiled)


def test_before_the_first_training_one_line_says_what_to_do(deployed_db: Database) -> None:
    with pytest.raises(MissingPrerequisite, match="aclue preferences train"):
        preferences.recalculate(deployed_db)
    with pytest.raises(MissingPrerequisite, match="no user has judged"):
        preferences.train(deployed_db)


# --- versions -----------------------------------------------------------------------------------------------------------------------


def test_training_again_on_the_same_data_gives_the_same_version(shop: Database) -> None:
    again = preferences.train(shop)
    assert not again.is_new
    assert preferences.ensure_model(shop) == again
    with shop.psycopg() as pg:
        model = store.load_model(pg)
    from aclue_pipeline.preferences.model import version_of

    assert version_of(model.parameters, model.vocabulary, model.items) == model.version  # stored without loss


def test_everybody_asks_the_view_which_version_is_current(shop: Database) -> None:
    first = preferences.ensure_model(shop)  # pinned
    second = preferences.train(shop, half_life_days=60)
    assert second.version != first.version
    assert preferences.ensure_model(shop) == replace(second, is_new=False), (
        "nothing is trained again for what is pinned"
    )
    preferences.recalculate(shop)
    assert {row["calculation_version"] for row in profiles_in(shop)} == {first.version}
    with shop.begin() as connection:
        query(connection, "update pipeline.taste_models set status = 'refused' where version = :v", v=second.version)
    assert not measured(shop)
    preferences.evaluate(shop)
    assert measured(shop)
    assert scalar(shop, "select min(model_version) from analytics.preference_quality") == first.version
    check = next(file for file in CATALOG.checks if file.name == "beats_what_knows_less")
    assert ask(shop, check).evidence["judgements"] > 0


def test_how_far_scores_moved_where_nothing_happened_is_kept_and_judged(profiled: Database) -> None:
    check = next(file for file in CATALOG.checks if file.name == "scores_stay")
    said = ask(profiled, check)
    assert (said.outcome, "nothing to judge yet" in said.sentence) == ("passed", True)
    with profiled.begin() as connection:
        swipe(connection, 5, 5)
        query(
            connection,
            "update public.user_preferences set adjusted_at = now(), liked_brands = '{Mine}' where user_id = md5('user4')::uuid",
        )
    preferences.recalculate(profiled, full=True, block_events=300)
    users = len(profiles_in(profiled))
    said = ask(profiled, check)
    assert said.passed
    assert (said.evidence["compared_with_itself"], said.evidence["moved_by_itself"]) == (users - 2, 0)

    before = {row["user_id"]: row for row in profiles_in(profiled)}
    first = scalar(profiled, "select version from pipeline.current_taste_model")
    stubborn = "update pipeline.taste_models set parameters = jsonb_set(parameters, '{strength}', '[400, 400, 400, 400, 400, 400]')"
    second = train(profiled, half_life_days=3)
    with profiled.begin() as connection:
        query(connection, f"{stubborn} where version = :version", version=second.version)

    def stop(line: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):  # the passage is finished by the next run
        preferences.recalculate(profiled, block_events=300, progress=stop)
    assert 0 < preferences.recalculate(profiled).users < users
    after = {row["user_id"]: row for row in profiles_in(profiled) if row["liked_brands"] != ["Mine"]}
    far = sum(
        any(
            abs(score - before[user][facet.column][name]) > 0.1
            for facet in FACETS
            for name, score in row[facet.column].items()
            if name in before[user][facet.column]
        )
        for user, row in after.items()
    )
    said = ask(profiled, check)
    assert (said.evidence["version_before"], said.evidence["compared_with_before"]) == (first, len(after))
    assert said.evidence["moved_far"] == far > users / 20
    assert said.outcome == "failed"

    with profiled.begin() as connection:
        query(
            connection, "update pipeline.taste_models set parameters = jsonb_set(parameters, '{half_life_days}', '4')"
        )
    preferences.recalculate(profiled, full=True)
    said = ask(profiled, check)
    assert said.evidence["compared_with_itself"] == len(after)
    assert said.evidence["moved_by_itself"] > 0
    assert (
        f"by the same version {said.evidence['moved_by_itself']} of {len(after)} profiles came out different"
        in said.sentence
    )


def test_a_version_of_an_earlier_release_is_replaced_and_all_profiles_of_it_computed_again(profiled: Database) -> None:
    with profiled.begin() as connection:
        for table, column in (
            ("pipeline.taste_models", "version"),
            ("pipeline.taste_items", "model_version"),
            ("pipeline.profile_fingerprints", "model_version"),
            ("public.user_preferences", "calculation_version"),
        ):
            query(connection, f"update {table} set {column} = '1-' || substr({column}, 3)")
        query(connection, "update pipeline.taste_models set pinned_at = now()")
    with pytest.raises(MissingPrerequisite):
        preferences.recalculate(profiled)
    trained = preferences.ensure_model(profiled)
    assert trained.is_new
    assert [one["version"] for one in preferences.kept_versions(profiled)] == [trained.version]
    preferences.pin(profiled, trained.version)
    assert preferences.recalculate(profiled).users == len(profiles_in(profiled))
    assert {row["calculation_version"] for row in profiles_in(profiled)} == {trained.version}


def test_horizons_of_a_server_that_was_further_on_are_left_out(profiled: Database) -> None:
    """After a dump and restore its numbers of transactions are still to come: no new row would be above them."""
    further_on = """update pipeline.profile_fingerprints set horizon = horizon + 1000000000
                    where user_id in (select user_id from pipeline.profile_fingerprints order by user_id limit %s)"""
    with profiled.psycopg() as pg:
        before = pg.execute(changed.HORIZON).fetchone()
        pg.execute(further_on, [1])
        assert pg.execute(changed.HORIZON).fetchone() == before
        pg.execute(further_on, [None])
        assert pg.execute(changed.HORIZON).fetchone() == (None, before and before[1]), "all are looked up"


def test_a_word_is_known_when_five_users_brought_it(shop: Database) -> None:
    said = """update public.swipe_sessions set occasion = 'housewarming'
              where user_id in (select md5('user' || n)::uuid from generate_series(1, :users) as n)"""
    for users, known in ((4, False), (5, True)):
        with shop.begin() as connection:
            query(connection, said, users=users)
        train(shop)
        with shop.psycopg() as pg:
            assert ("housewarming" in store.load_model(pg).vocabulary.names) is known


@pytest.mark.parametrize(
    ("few", "many"), [("word 177522", "word 60496"), ("aaa", "zzz")], ids=["of one hash", "said more often"]
)
def test_a_word_that_few_say_takes_no_other_words_place(
    shop: Database, monkeypatch: pytest.MonkeyPatch, few: str, many: str
) -> None:
    """However often they say it, and whatever it is: five accounts are soon made, and a word of the same hash soon found."""
    monkeypatch.setattr(arrays, "VOCABULARY_LIMIT", 1)
    with shop.psycopg() as pg:
        pg.execute("update public.swipe_sessions set occasion = null")
        for word, first, last in ((many, 1, 12), (few, 13, 18)):
            pg.execute(
                """update public.swipe_sessions set occasion = %s
                   where user_id in (select md5('user' || n)::uuid from generate_series(%s::int, %s) as n)""",
                [word, first, last],
            )
        pg.execute(
            """insert into public.swipe_interactions (user_id, session_id, product_id, swipe_direction, swipe_timestamp)
               select s.user_id, session_id, product_id, swipe_direction, swipe_timestamp + interval '1 second' * n
               from public.swipe_interactions s join public.swipe_sessions r on r.id = session_id, generate_series(1, 9) n
               where r.occasion = %s""",
            [few],
        )
    train(shop)
    preferences.recalculate(shop)
    assert {word for row in profiles_in(shop) for word in row["occasion_preferences"]} == {many}


def test_a_word_whose_hash_stands_for_nothing_said_is_nobodys_word(shop: Database) -> None:
    """Five accounts would put it into everybody's profile."""
    with shop.psycopg() as pg:
        assert pg.execute("select hashtext('cdpajyza')").fetchone() == (0,)
        assert dict(pg.execute(versions._TOLD_APART, [["cdpajyza", "birthday"], [5, 5]]).fetchall()) == {"birthday": 5}
        known = vocabulary_of([], {"occasion": {"cdpajyza": 5, "birthday": 5}})
        assert [len(hashes) for hashes, _ in signals._words(pg, known)].count(1) == 1


def test_a_word_goes_from_every_kept_version_with_its_users_and_no_profile_of_others_moves(shop: Database) -> None:
    with shop.psycopg() as pg:
        for column, word, users in (("occasion", "housewarming", 6), ("recipient_relationship", "godmother", 7)):
            pg.execute(
                f"""update public.swipe_sessions set {column} = %s
                    where user_id in (select md5('user' || n)::uuid from generate_series(1, %s) as n)""",
                [word, users],
            )
        pg.execute("update public.swipe_sessions set occasion = 'housewarming' where user_id = md5('user7')::uuid")
    for days in (100, 110):
        train(shop, half_life_days=days)
    preferences.recalculate(shop)
    before = profiles_in(shop)

    def cleared_without(*users: int) -> tuple[int, set[str]]:
        with shop.psycopg() as pg:
            pg.execute(
                "delete from auth.users where id in (select md5('user' || n)::uuid from unnest(%s::int[]) n)",
                [[*users]],
            )
        done = erasure.clear(shop, CATALOG)
        with shop.psycopg() as pg:
            return done.get("pipeline.taste_models", 0), everywhere(pg, "housewarming", "godmother")

    cleared, said = cleared_without(1, 2)
    assert cleared == 0
    assert "pipeline.taste_models.vocabulary" in said, "five still say them"
    assert cleared_without(3)[0] == 2, "four still say them"
    assert preferences.recalculate(shop).users == 4
    assert preferences.recalculate(shop, full=True).published.written == 0, (
        "who says a cleared word says it no more at once"
    )
    assert cleared_without(4, 5, 6, 7) == (0, set())
    preferences.recalculate(shop, full=True)
    left = {row["user_id"] for row in profiles_in(shop)}
    assert profiles_in(shop) == [row for row in before if row["user_id"] in left]


def test_old_versions_are_forgotten(shop: Database) -> None:
    for days in (100, 110, 120, 130):
        train(shop, half_life_days=days)
    assert scalar(shop, "select count(*) from pipeline.taste_models") == store.VERSIONS_KEPT
    assert scalar(shop, "select count(distinct model_version) from pipeline.taste_items") == store.VERSIONS_KEPT


def test_growth_by_a_quarter_asks_for_a_new_version(shop: Database) -> None:
    with shop.begin() as connection:
        query(
            connection,
            """insert into public.swipe_interactions (user_id, product_id, swipe_direction, swipe_timestamp)
               select user_id, product_id, swipe_direction, swipe_timestamp + interval '1 hour' from public.swipe_interactions limit 600""",
        )
    assert preferences.ensure_model(shop).is_new


def test_quality_is_kept_under_the_current_version(shop: Database) -> None:
    measured = preferences.evaluate(shop)
    preferences.evaluate(shop)
    with shop.begin() as connection:
        rows = query(connection, "select * from analytics.preference_quality")
        version = query(connection, "select version from pipeline.current_taste_model")[0]["version"]
    assert len(rows) == len(measured.scores) == 4 * (1 + len(BASELINES))
    assert {row["model_version"] for row in rows} == {version}
    (plotted,) = [row for row in rows if row["reliability"] is not None]
    assert (plotted["users_group"], plotted["predictor"]) == ("all", "profile")
    assert sum(one["judgements"] for one in plotted["reliability"]) == plotted["judgements"]
