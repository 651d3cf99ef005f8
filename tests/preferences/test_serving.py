"""Serving on a real server: what a recommender is told, and what it is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sqlalchemy.exc import ProgrammingError

from aclue_pipeline import preferences
from aclue_pipeline.cli.context import Context
from aclue_pipeline.cli.preferences import preferences as command
from aclue_pipeline.errors import MissingPrerequisite, NothingFound, SchemaIncomplete
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.preferences import explaining, predictor, store
from aclue_pipeline.preferences.facets import FACETS, ITEM_KINDS
from aclue_pipeline.preferences.model import EVIDENCE, FORMAT, PARTS
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.preferences.database import give_feedback, scalar, swipe, train
from tests.support.catalogs import CATALOG
from tests.support.statements import ask

pytestmark = pytest.mark.database

NOBODY = UUID(int=0)


@pytest.fixture
def served(databases: Databases) -> Database:
    """A stocked shop with profiles."""
    return databases.copy("profiled_shop")


@pytest.fixture
def aclue(served: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`aclue preferences …` on that shop."""
    monkeypatch.setenv("ACLUE_DATABASE_URL", served.url)
    get_settings.cache_clear()
    return lambda *arguments: CliRunner().invoke(command, [str(one) for one in arguments], obj=Context(demo=False))


def products(db: Database, *numbers: int) -> list[UUID]:
    return [scalar(db, "select md5('product' || :n)::uuid as id", n=n) for n in numbers]


def user(db: Database, number: int) -> UUID:
    return scalar(db, "select md5('user' || :n)::uuid as id", n=number)


def row_of(db: Database, number: int) -> dict[str, Any]:
    with db.begin() as connection:
        (row,) = query(
            connection, "select * from public.user_preferences where user_id = md5('user' || :n)::uuid", n=number
        )
    return row


def _by_the_arrays(db: Database, row: dict[str, Any] | None, ids: list[UUID]) -> list[float]:
    with db.psycopg() as pg:
        model = store.load_model(pg)
    place = {UUID(bytes=one.tobytes()): n for n, one in enumerate(model.items.ids)}
    return predictor.predict(row, np.array([place[one] for one in ids]), model).tolist()


# --- predict --------------------------------------------------------------------------------------------------------------


def test_products_are_predicted_by_their_ids_in_the_order_asked(served: Database) -> None:
    ids = products(served, 7, 3, 42)
    row = row_of(served, 4)
    found = preferences.predict(served, row, ids)
    assert list(found.probability) == ids
    assert list(found.probability.values()) == _by_the_arrays(served, row, ids)
    assert found.gone == found.unknown == []
    assert preferences.predict(served, row, [str(one) for one in ids] * 2) == found


def test_an_unknown_user_and_a_row_that_was_never_computed_get_the_populations_view(served: Database) -> None:
    ids = products(served, 1, 2, 3)
    nobody = preferences.predict(served, None, ids).probability
    assert list(nobody.values()) == _by_the_arrays(served, None, ids)
    begun = {"ml_features": None, "embedding_vector": None, "liked_brands": ["Mine"]}
    assert preferences.predict(served, begun, ids).probability == nobody


def test_nothing_is_scored_that_is_gone_and_what_is_unknown_is_named(served: Database) -> None:
    stays, hidden, unsure, deleted = ids = products(served, 1, 2, 3, 4)
    ask(served, "update public.products set is_active = false where id = :id", id=hidden)
    ask(served, "update public.products set is_active = null where id = :id", id=unsure)
    ask(served, "delete from public.products where id = :id", id=deleted)
    stranger = uuid4()
    found = preferences.predict(served, row_of(served, 4), [stranger, *ids])
    assert list(found.probability) == [stays]
    assert found.gone == [hidden, unsure, deleted]
    assert found.unknown == [stranger]


def test_a_product_that_came_after_training_is_scored_by_its_content(served: Database) -> None:
    (known,) = products(served, 1)
    row = row_of(served, 4)
    preferences.predict(served, row, [known])  # the version is in memory now
    with served.begin() as connection:
        (new,) = query(
            connection,
            """insert into public.products (id, title, brand, is_active)
               values (gen_random_uuid(), 'Red wooden thing', 'Brand 2', true) returning id""",
        )
    found = preferences.predict(served, row, [new["id"]])
    assert set(found.probability) == {new["id"]}
    preferences.recalculate(served)  # stores what the version says of it
    assert list(found.probability.values()) == _by_the_arrays(served, row, [new["id"]])


def test_a_row_is_judged_by_the_version_it_was_computed_with_as_long_as_that_is_kept(served: Database) -> None:
    ids = products(served, 1, 2, 3)
    row = row_of(served, 4)
    before = preferences.predict(served, row, ids)
    for days in (100, 110):
        train(served, half_life_days=days)
    assert preferences.predict(Database(served.url), row, ids) == before


def test_a_row_of_a_version_that_is_not_kept_is_refused_by_both_names(served: Database) -> None:
    row = row_of(served, 4)
    row["ml_features"]["model_version"] = "1-long-ago"
    with pytest.raises(NothingFound, match="recalculate") as refused:
        preferences.predict(served, row, products(served, 1))
    current = scalar(served, "select version from pipeline.current_taste_model")
    assert "1-long-ago" in str(refused.value)
    assert current in str(refused.value)


def test_before_the_first_training_serving_says_what_to_do(deployed_db: Database) -> None:
    with pytest.raises(MissingPrerequisite, match="aclue preferences train"):
        preferences.predict(deployed_db, None, [])
    with pytest.raises(MissingPrerequisite, match="aclue preferences train"):
        preferences.recommend(deployed_db, NOBODY)


def test_a_role_with_the_rights_that_the_page_names_is_served_new_products_too(
    served: Database, databases: Databases
) -> None:
    tables = "products", "user_preferences", "swipe_interactions", "recommendation_feedback", "swipe_sessions"
    admin = databases.admin(served)
    with admin.psycopg() as pg:
        pg.execute("create role reads_tastes login bypassrls password 'secret'")
        pg.execute("grant usage on schema public, pipeline, staging to reads_tastes")
        pg.execute("grant select on all tables in schema pipeline to reads_tastes")
        pg.execute("grant select on staging.rounds to reads_tastes")
        for table in tables:
            pg.execute(f"grant select on public.{table} to reads_tastes")
        pg.execute("insert into public.products (id, title, is_active) values (md5('product81')::uuid, 'Red', true)")
    credentials = served.url.removeprefix("postgresql://").partition("@")[0]
    reader = Database(served.url.replace(credentials, "reads_tastes:secret"))
    try:
        row = row_of(served, 4)
        assert set(preferences.predict(reader, row, products(served, 81)).probability) == {*products(served, 81)}
        assert preferences.recommend(reader, user(served, 4), 5) == preferences.recommend(served, user(served, 4), 5)
        assert preferences.explain(reader, user(served, 4)) == preferences.explain(served, user(served, 4))
    finally:
        reader.close()
        with admin.psycopg() as pg:
            pg.execute("drop owned by reads_tastes")
            pg.execute("drop role reads_tastes")


# --- recommend ------------------------------------------------------------------------------------------------------------


def test_the_most_probable_products_come_first_and_what_the_user_has_seen_not_at_all(served: Database) -> None:
    for direction, product in (("down", 5), ("left", 6), ("up", 7)):
        with served.begin() as connection:
            swipe(connection, 4, product, direction)
    every = products(served, *range(1, 81))
    told = preferences.predict(served, row_of(served, 4), every).probability
    seen = {
        one["product_id"]
        for table in ("swipe_interactions", "recommendation_feedback")
        for one in ask(served, f"select product_id from public.{table} where user_id = md5('user4')::uuid")
    }
    assert {*products(served, 5, 6, 7)} < seen
    ranked = sorted(told, key=lambda one: (-told[one], one))
    assert preferences.recommend(served, user(served, 4), 80, exclude_seen=False) == [
        (one, told[one]) for one in ranked
    ]
    unseen = [(one, told[one]) for one in ranked if one not in seen]
    assert preferences.recommend(served, user(served, 4), 80) == unseen
    assert preferences.recommend(served, str(user(served, 4)), 3) == unseen[:3]


def test_of_equally_probable_products_the_lower_id_comes_first(served: Database) -> None:
    ask(
        served,
        """insert into public.products (id, title, is_active) select ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'plain', true
           from generate_series(1, 5) n""",
    )
    told = preferences.recommend(served, NOBODY, 1000)
    alike = [one for one in told if one.product_id.int < 10]
    assert len({one.probability for one in alike}) == 1
    assert [one.product_id.int for one in alike] == [1, 2, 3, 4, 5]


def test_an_unknown_user_gets_what_the_population_likes_best(served: Database) -> None:
    told = preferences.predict(served, None, products(served, *range(1, 81))).probability
    best = sorted(told, key=lambda one: (-told[one], one))[:5]
    assert [one.product_id for one in preferences.recommend(served, NOBODY, 5)] == best


def test_what_the_app_does_not_show_is_not_recommended(served: Database) -> None:
    hidden, deleted, *_ = (one.product_id for one in preferences.recommend(served, NOBODY, 2))
    ask(served, "update public.products set is_active = false where id = :id", id=hidden)
    ask(served, "delete from public.products where id = :id", id=deleted)
    assert {hidden, deleted}.isdisjoint(one.product_id for one in preferences.recommend(served, NOBODY, 1000))
    ask(served, "update public.products set is_active = false")
    assert preferences.recommend(served, NOBODY) == []


def test_the_command_line_names_products_by_title_for_people_and_by_id_for_machines(
    served: Database, aclue: Callable[..., Result]
) -> None:
    told = preferences.recommend(served, user(served, 4), 2)
    title = scalar(served, "select title from public.products where id = :id", id=told[0].product_id)
    lines = aclue("recommend", user(served, 4), "-n", 2).stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].split(maxsplit=2) == [f"{told[0].probability:.3f}", str(told[0].product_id), title]
    listed = json.loads(aclue("recommend", user(served, 4), "-n", 2, "--json").stdout)
    assert listed == [{"product_id": str(one.product_id), "probability": one.probability} for one in told]
    assert aclue("recommend", NOBODY).stdout.count("\n") == 20
    assert aclue("recommend", "nobody").exit_code == 2
    assert aclue("recommend", NOBODY, "-n", 0).exit_code == 2


@pytest.mark.parametrize("asked", ["recommend", "explain"])
def test_the_command_line_names_what_a_database_lacks(
    app_db: Database, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", app_db.url)
    get_settings.cache_clear()
    said = CliRunner().invoke(command, [asked, str(NOBODY)], obj=Context(demo=False))
    assert isinstance(said.exception, SchemaIncomplete)


def test_the_command_line_makes_the_function_that_recommends_too(
    served: Database, aclue: Callable[..., Result]
) -> None:
    ask(served, "drop function pipeline.likely")
    assert aclue("recalculate", "--yes").exit_code == 0
    assert len(_likely(served, NOBODY, 3)) == 3


@pytest.mark.slow
def test_the_command_line_takes_back_what_a_user_adjusted(served: Database, aclue: Callable[..., Result]) -> None:
    assert "has adjusted nothing" in aclue("reset", user(served, 4), "--yes").stdout
    ask(
        served,
        "update public.user_preferences set adjusted_at = now(), liked_brands = '{Mine}' where user_id = :user",
        user=user(served, 4),
    )
    assert "Mine" in row_of(served, 4)["liked_brands"]
    assert "by hand: liked_brands Mine true, computed: null" in aclue("explain", user(served, 4)).stdout
    assert "taken back" in aclue("reset", user(served, 4), "--yes").stdout
    assert "Mine" not in row_of(served, 4)["liked_brands"]


# --- explain --------------------------------------------------------------------------------------------------------------


def test_an_explanation_says_what_is_predicted_and_its_parts_make_the_log_odds(served: Database) -> None:
    # In a shop as small as this one the link may make nothing of the user's own rate.
    ask(served, "update pipeline.taste_models set parameters = jsonb_set(parameters, '{link,1}', '0.8')")
    for product in products(served, 3, 17):
        told = preferences.explain(served, user(served, 4), product)
        predicted = preferences.predict(served, row_of(served, 4), [product]).probability[product]
        assert told.chance is not None
        assert told.chance.probability == pytest.approx(predicted, abs=1e-12)
        assert sum(told.chance.parts.values()) == pytest.approx(np.log(predicted / (1 - predicted)), abs=1e-9)
        assert 0 < told.chance.low < predicted < told.chance.high < 1
    row = row_of(served, 4)
    assert (told.model_version, told.judged) == (row["calculation_version"], row["ml_features"]["judged"])
    assert told.confidence == pytest.approx(float(row["confidence_level"]), abs=0.006)


def test_the_effect_of_an_event_is_what_would_be_otherwise_without_it(served: Database) -> None:
    (product,) = products(served, 3)
    me = user(served, 4)

    def log_odds() -> float:
        preferences.recalculate(served)
        chance = preferences.predict(served, row_of(served, 4), [product]).probability[product]
        return float(np.log(chance / (1 - chance)))

    before, base = log_odds(), row_of(served, 4)["ml_features"]["base"]
    told = preferences.explain(served, me, product).reasons
    own = preferences.explain(served, me).reasons
    events = ask(served, "select * from pipeline.signals where user_id = md5('user4')::uuid")
    assert sorted((one.at, one.product_id, one.source, one.value) for one in told) == sorted(
        (one["at"], one["product_id"], one["source"], one["value"]) for one in events
    )
    assert {one.at for one in own} == {one.at for one in told}
    assert [abs(one.effect or 0) for one in told] == sorted((abs(one.effect or 0) for one in told), reverse=True)
    strongest = next(one for one in told if one.source != "feedback")
    ask(
        served,
        "delete from public.swipe_interactions where user_id = :me and swipe_timestamp = :at",
        me=me,
        at=strongest.at,
    )
    assert strongest.effect == pytest.approx(before - log_odds(), abs=1e-6)
    effect = next(one.effect for one in own if one.at == strongest.at)
    assert effect == pytest.approx(base - row_of(served, 4)["ml_features"]["base"], abs=1e-6)


def test_what_was_only_seen_weighs_nothing_and_neither_does_what_a_later_judgement_overrules(served: Database) -> None:
    with served.begin() as connection:
        query(connection, "delete from public.swipe_interactions where user_id = md5('user9')::uuid")
        query(connection, "delete from public.recommendation_feedback where user_id = md5('user9')::uuid")
        for days, product, direction in ((3, 1, "left"), (2, 1, "up"), (1, 2, "down"), (0, 3, "right")):
            swipe(connection, 9, product, direction, days)
    told = preferences.explain(served, user(served, 9))
    weighs = {(one.product_id, one.source): one.weight > 0 for one in told.reasons}
    one, two, three = products(served, 1, 2, 3)
    assert weighs == {(one, "dislike"): False, (one, "super_like"): True, (two, "seen"): False, (three, "like"): True}


def test_an_event_on_a_product_that_came_after_the_version_was_read_is_told_too(served: Database) -> None:
    before = preferences.explain(served, user(served, 4)).reasons  # the version is in memory now
    ask(served, "insert into public.products (id, title, is_active) values (md5('product81')::uuid, 'Red thing', true)")
    with served.begin() as connection:
        swipe(connection, 4, 81)
    told = preferences.explain(served, user(served, 4)).reasons
    assert {one.product_id for one in told} - {one.product_id for one in before} == {*products(served, 81)}


def test_where_there_is_nothing_to_explain_it_says_so(served: Database) -> None:
    with pytest.raises(NothingFound, match="neither swiped nor given feedback"):
        preferences.explain(served, NOBODY)
    with pytest.raises(NothingFound, match="no product of the catalogue"):
        preferences.explain(served, user(served, 4), NOBODY)


def test_of_a_user_with_very_many_events_the_latest_are_tried(
    served: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "_TRIED", 60)
    told = preferences.explain(served, user(served, 4)).reasons
    tried = [one for one in told if one.effect is not None]
    assert 0 < len(tried) == 60 // len(told) < len(told)
    assert min(one.at for one in tried) > max(one.at for one in told if one.effect is None)


def test_the_command_line_explains_for_people_and_for_machines(served: Database, aclue: Callable[..., Result]) -> None:
    (product, _), *_ = preferences.recommend(served, user(served, 4), 1)
    chance = preferences.predict(served, row_of(served, 4), [product]).probability[product]
    lines = aclue("explain", user(served, 4), product).stdout.splitlines()
    assert f"probability {chance:.3f}, nine times out of ten between" in lines[1]
    title = scalar(served, "select title from public.products where id = :id", id=product)
    assert f"likes {product} {title} with probability" in lines[1]
    assert "offset × log item" in lines[2]
    assert "_" not in lines[2]
    assert lines[2].startswith("log odds (words: docs/glossary.md): intercept ")
    assert all(re.search(r"[0-9a-f]{12}  \S", line) for line in lines[4:24])
    told = json.loads(aclue("explain", user(served, 4), product, "--json").stdout)
    assert told["chance"]["probability"] == pytest.approx(chance)
    assert len(lines) == 4 + min(len(told["reasons"]), 20) + (len(told["reasons"]) > 20)
    assert "probability" not in aclue("explain", user(served, 4)).stdout
    with served.begin() as connection:
        query(connection, "update public.products set title = 'Kettle' where id = :id", id=product)
        query(
            connection,
            """insert into public.swipe_interactions (user_id, product_id, swipe_direction, swipe_timestamp)
               values (:user, :product, 'left', '2026-01-02 00:00+00')""",
            user=user(served, 4),
            product=product,
        )
    assert "met already: dislike on 2026-01-02" in aclue("explain", user(served, 4), product).stdout


# --- with other tools -----------------------------------------------------------------------------------------------------


def test_vectors_become_a_column_of_pgvector_as_the_page_says(served: Database, databases: Databases) -> None:
    page = (Path(__file__).parents[2] / "docs" / "recommending.md").read_text()
    (said,) = (block for block in re.findall(r"```sql\n(.+?)```", page, re.DOTALL) if "vector(16)" in block)
    with databases.admin(served).psycopg() as pg:
        if not pg.execute("select from pg_available_extensions where name = 'vector'").fetchall():
            pytest.skip("this server has no pgvector")
        pg.execute("create extension vector")
        *makes, asks, _ = said.replace("'…'", f"'{user(served, 4)}'").split(";")
        for statement in makes:
            pg.execute(statement.encode())
        nearest = [row[0] for row in pg.execute(asks.encode())]
    mine = np.array(row_of(served, 4)["embedding_vector"])
    rows = ask(served, "select product_id, vector from pipeline.taste_items")
    fits = {row["product_id"]: float(mine @ np.array(row["vector"])) for row in rows}
    assert [fits[one] for one in nearest] == pytest.approx(sorted(fits.values(), reverse=True)[:20], abs=1e-6)


# --- in SQL ---------------------------------------------------------------------------------------------------------------


def test_sql_says_what_python_says(served: Database) -> None:
    with served.begin() as connection:
        # Every part weighs something, each otherwise: in a shop as small as this one the link makes little of most.
        query(
            connection,
            """update pipeline.taste_models set parameters = parameters || jsonb_build_object(
                   'link', (select jsonb_agg(0.9 * sin(n) + 0.2) from generate_series(1, 24) n), 'calibration', '[0.1, -0.05]'::jsonb)""",
        )
        query(connection, "insert into auth.users (id) values (md5('stranger')::uuid)")
    assert len(PARTS) == 23
    ask(served, "update public.products set is_active = false where id = :id", id=products(served, 9)[0])
    asked = [user(served, n) for n in (1, 4, 30, 57)] + [NOBODY, scalar(served, "select md5('stranger')::uuid as id")]
    for one in asked:
        python = dict(preferences.recommend(served, one, 1000))
        sql = {row["product_id"]: row["probability"] for row in _likely(served, one, 1000)}
        assert sql == pytest.approx(python, abs=1e-6)
        assert len({round(chance, 3) for chance in sql.values()}) > 10
        best = [row["probability"] for row in _likely(served, one, 5)]
        assert best == sorted(sql.values(), reverse=True)[:5]
        assert _likely(served, one, -1) == []


def test_the_view_explains_as_python_does(served: Database) -> None:
    ask(
        served,
        """update pipeline.taste_models set parameters = parameters || jsonb_build_object(
               'link', (select jsonb_agg(0.9 * sin(n) + 0.2) from generate_series(1, 24) n), 'calibration', '[0.1, -0.05]'::jsonb,
               'source_weight', '[1, 1.7, 0.8, 0.5, 1.3, 2.9]'::jsonb, 'weight_scale', 1.1, 'half_life_days', 40, 'time_gain', 0.7,
               'time_half', 3, 'strength_slope', 1.4)""",
    )
    with served.begin() as connection:
        for days, number, direction in ((4, 3, "right"), (3, 1, "left"), (2, 1, "up"), (1, 2, "down")):
            swipe(connection, 3, number, direction, days)
        give_feedback(
            connection, 3, 3, value=-0.5, kind="implicit"
        )  # of the product that was liked, later, but not meant so
        give_feedback(connection, 16, 20, value=-0.7, tags="{too_expensive}")
    preferences.recalculate(served, full=True)
    for one, product in zip((user(served, 3), user(served, 16)), products(served, 1, 17), strict=True):
        told = preferences.explain(served, one, product)
        assert told.chance is not None
        found = _reasons(served, one, product)
        assert {(row["at"], row["judged_product_id"], row["source"], row["value"]): row["weight"] for row in found} == {
            (each.at, each.product_id, each.source, each.value): pytest.approx(each.weight, abs=1e-6)
            for each in told.reasons
        }
        shares = {(row["at"], row["judged_product_id"], row["source"]): row["share"] for row in found}
        assert shares == {
            (each.at, each.product_id, each.source): pytest.approx(each.share, abs=1e-6) for each in told.reasons
        }
        assert sum(shares.values()) == pytest.approx(told.chance.parts["vector"], abs=1e-5)
        assert max(map(abs, shares.values())) > 0.001
        assert {0.0} < {row["weight"] for row in found}
        low, middle, high = (np.log(p / (1 - p)) for p in (told.chance.low, told.chance.probability, told.chance.high))
        assert [high - middle, middle - low] == pytest.approx([found[0]["give_or_take"]] * 2, abs=1e-6)
        assert found[0]["confidence"] == pytest.approx(told.confidence, abs=1e-6)
        assert {row["model_version"] for row in found} == {told.model_version}


def test_the_view_names_the_facet_values_that_two_products_have_in_common(served: Database) -> None:
    (product,) = products(served, 17)
    items = {row["product_id"]: row for row in ask(served, "select * from pipeline.taste_items")}

    def values(of: UUID) -> set[str]:
        item = items[of]
        single = {f"{facet} {item[facet]}" for facet in ("category", "brand") if item[facet] is not None}
        return single | {f"{facet} {word}" for facet in ("style", "colour") for word in item[facet]}

    found = _reasons(served, user(served, 4), product)
    assert all(set(row["in_common"]) == values(product) & values(row["judged_product_id"]) for row in found)
    assert {word.partition(" ")[0] for row in found for word in row["in_common"]} >= {"category", "brand"}


def _reasons(db: Database, user_id: UUID, product_id: UUID) -> list[dict[str, Any]]:
    with db.begin() as connection:
        return query(
            connection,
            "select * from pipeline.reasons where user_id = :user and product_id = :product",
            user=user_id,
            product=product_id,
        )


def test_of_a_version_of_an_earlier_release_sql_says_nothing(served: Database) -> None:
    for table, column in (("taste_models", "version"), ("taste_items", "model_version")):
        ask(served, f"update pipeline.{table} set {column} = '1-' || substr({column}, 3)")
    ask(served, "update public.user_preferences set ml_features = jsonb_set(ml_features, '{model_version}', '\"1-\"')")
    assert _likely(served, NOBODY, 3) == []
    assert _reasons(served, user(served, 4), *products(served, 1)) == []


def test_sql_knows_the_format_every_facet_of_products_and_every_number_of_the_link() -> None:
    text = CATALOG.functions["pipeline.likely"].sql
    assert f"starts_with(m.version, '{FORMAT}')" in text
    assert [one for one in ITEM_KINDS if f"'{FACETS[one].name}'" not in text] == []
    numbers = {int(one) for one in re.findall(r"t\.link\[(\d+)", text)}
    assert numbers == {1, 1 + len(EVIDENCE), *range(2 + 2 * len(EVIDENCE), 2 + len(PARTS))}


def test_sql_says_it_to_the_server_and_to_nobody_else(served: Database) -> None:
    for role, may in (("service_role", True), ("authenticated", False), ("anon", False)):
        with served.begin() as connection:
            query(connection, "select set_config('role', :role, true)", role=role)
            if may:
                assert len(query(connection, "select * from pipeline.likely(md5('user4')::uuid, 3)")) == 3
                assert (
                    query(connection, "select * from pipeline.reasons where user_id = md5('user4')::uuid limit 1") != []
                )
            else:
                with pytest.raises(ProgrammingError, match="permission denied"), connection.begin_nested():
                    query(connection, "select * from pipeline.reasons")
                with pytest.raises(ProgrammingError, match="permission denied"), connection.begin_nested():
                    query(connection, "select * from pipeline.likely(md5('user4')::uuid, 3)")
            with pytest.raises(ProgrammingError, match="permission denied"), connection.begin_nested():
                query(connection, "select * from pipeline.taste_items")
    assert not scalar(served, "select has_function_privilege('public', 'pipeline.likely(uuid, integer)', 'execute')")


def _likely(db: Database, user_id: UUID, n: int) -> list[dict[str, Any]]:
    with db.begin() as connection:
        return query(connection, "select * from pipeline.likely(:user, :n)", user=user_id, n=n)
