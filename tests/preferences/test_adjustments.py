"""What a user adjusts in the own profile, key by key: under the app's policies, as its clients write."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences import recalculation
from aclue_pipeline.preferences.adjustments import Adjustment
from aclue_pipeline.preferences.arrays import by_odds, sigmoid
from aclue_pipeline.preferences.by_hand import ByHand
from aclue_pipeline.preferences.evidence import judgements
from aclue_pipeline.preferences.facets import KIND
from aclue_pipeline.preferences.kernel import Profiles, facet_cells, profiles, residuals
from aclue_pipeline.preferences.publish import ADJUSTABLE
from tests.preferences.conftest import World, of_users
from tests.preferences.database import ME, Row, profiles_in, scalar, train, write
from tests.preferences.test_kernel import same_bits

pytestmark = pytest.mark.database


def mine(db: Database) -> dict[str, Any]:
    return next(row for row in profiles_in(db) if str(row["user_id"]) == ME)


def adjust(db: Database, **columns: Any) -> None:
    with db.psycopg() as pg:
        row: Row = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in columns.items()}
        write(pg, "authenticated", "user_preferences", row, where={"user_id": ME})


def told(db: Database, ignored: bool = False) -> dict[str, dict[str, Any]]:
    """{column: {key: value}} that is kept; or the number of keys that are ignored, under an empty key."""
    with db.psycopg() as pg:
        rows = pg.execute(
            """select column_name, jsonb_object_agg(key, case when ignored > 0 then to_jsonb(ignored) else value end)
               from pipeline.adjustments where user_id = %s and (ignored > 0) = %s group by 1""",
            [ME, ignored],
        ).fetchall()
    return dict(rows)


def swipe_left(db: Database, products: int) -> None:
    with db.psycopg() as pg:
        pg.execute(
            """insert into public.swipe_interactions (user_id, product_id, swipe_direction)
               select %s, id, 'left' from public.products order by id limit %s""",
            [ME, products],
        )


def is_settled(db: Database) -> None:
    """Nothing is left to do, and from scratch it would be the same."""
    assert preferences.recalculate(db).users == 0
    assert preferences.recalculate(db, full=True).published.written == 0


# --- published as written, the rest as computed ---------------------------------------------------------------------------


def test_one_key_that_is_adjusted_leaves_all_others_to_the_events(shop: Database) -> None:
    before = mine(shop)["category_preferences"]
    key = min(before)
    adjust(shop, category_preferences=before | {key: 0.93})
    assert told(shop) == {"category_preferences": {key: 0.93}}
    done = preferences.recalculate(shop)
    assert (done.users, done.published.adjusted) == (1, 1)
    assert mine(shop)["category_preferences"] == before | {key: 0.93}
    is_settled(shop)
    swipe_left(shop, 25)
    preferences.recalculate(shop)
    now = mine(shop)["category_preferences"]
    assert now[key] == 0.93
    assert any(now[other] < before[other] for other in before if other != key)
    is_settled(shop)


def test_a_key_that_is_left_out_stays_out_and_null_takes_that_back(shop: Database) -> None:
    before = mine(shop)
    scores = dict(before["category_preferences"])
    del scores[min(scores)]
    adjust(shop, category_preferences=scores)
    assert told(shop) == {"category_preferences": {min(before["category_preferences"]): None}}
    preferences.recalculate(shop)
    assert mine(shop)["category_preferences"] == scores
    adjust(shop, category_preferences=scores | {min(before["category_preferences"]): None})
    assert told(shop) == {}
    preferences.recalculate(shop)
    assert mine(shop) == before
    assert scalar(shop, "select count(adjusted_at) from public.user_preferences") == 0
    is_settled(shop)


def test_writing_again_what_is_computed_takes_an_adjustment_back_whatever_was_computed_since(shop: Database) -> None:
    before = mine(shop)["category_preferences"]
    key = min(before)
    adjust(shop, category_preferences=before | {key: 0.93})
    adjust(shop, category_preferences=before)
    assert told(shop) == {}
    adjust(shop, category_preferences=before | {key: 0.93})
    swipe_left(shop, 25)
    preferences.recalculate(shop)
    computed = scalar(shop, "select computed from pipeline.adjustments")
    assert computed != before[key]
    now = mine(shop)["category_preferences"]
    adjust(shop, category_preferences=now | {key: before[key]})
    assert told(shop) == {"category_preferences": {key: before[key]}}
    adjust(shop, category_preferences=now | {key: computed})
    assert told(shop) == {}
    preferences.recalculate(shop)
    is_settled(shop)


def test_brands_are_adjusted_one_by_one_and_their_order_says_nothing(shop: Database) -> None:
    with shop.psycopg() as pg:  # as if computed
        pg.execute("update public.user_preferences set liked_brands = '{Acme,Bodum}' where user_id = %s", [ME])
    adjust(shop, liked_brands=["Bodum", "Acme"])
    assert told(shop) == {}
    adjust(shop, liked_brands=["Mine", "Acme", None, "Mine"])
    assert told(shop) == {"liked_brands": {"Mine": True, "Bodum": None}}
    preferences.recalculate(shop)
    assert mine(shop)["liked_brands"] == ["Mine"]  # Acme is not computed now
    is_settled(shop)


def test_what_is_computed_of_a_price_range_makes_room_for_what_is_written(shop: Database) -> None:
    before = mine(shop)["price_range"]
    adjust(shop, price_range=before | {"sweet_spot": 500})
    preferences.recalculate(shop)
    assert mine(shop)["price_range"] == {"min": before["min"], "sweet_spot": 500, "max": 500}
    adjust(shop, price_range={"min": 900, "sweet_spot": None})
    preferences.recalculate(shop)
    assert mine(shop)["price_range"] == {"min": 900, "sweet_spot": 900}, "max was left out"
    adjust(shop, price_range=None)
    preferences.recalculate(shop)
    assert mine(shop)["price_range"] == before


def test_numbers_without_keys_are_adjusted_too(shop: Database) -> None:
    before = mine(shop)
    adjust(shop, similarity_threshold=0.31, price_sensitivity=1)
    preferences.recalculate(shop)
    assert float(mine(shop)["similarity_threshold"]) == 0.31
    assert told(shop) == {"similarity_threshold": {"": 0.31}, "price_sensitivity": {"": 1.0}}
    adjust(shop, similarity_threshold=None, price_sensitivity=before["price_sensitivity"])
    preferences.recalculate(shop)
    assert mine(shop) == before
    is_settled(shop)


def test_a_user_who_takes_everything_back_has_adjusted_nothing(shop: Database) -> None:
    before = mine(shop)
    adjust(shop, category_preferences={"mine": 1}, liked_brands=["Mine"])
    preferences.recalculate(shop)
    adjust(shop, **dict.fromkeys(ADJUSTABLE))
    preferences.recalculate(shop)
    assert mine(shop) == before
    assert scalar(shop, "select count(adjusted_at) from public.user_preferences") == 0
    assert not preferences.reset(shop, before["user_id"])


def test_an_apps_server_that_sets_adjusted_at_adjusts_for_the_user(shop: Database) -> None:
    with shop.psycopg() as pg:
        server = {"liked_brands": ["Theirs"]}
        write(pg, "service_role", "user_preferences", server, where={"user_id": ME})
    preferences.recalculate(shop, full=True)
    assert "Theirs" not in mine(shop)["liked_brands"]
    with shop.psycopg() as pg:
        write(pg, "service_role", "user_preferences", server | {"adjusted_at": "now"}, where={"user_id": ME})
    preferences.recalculate(shop)
    assert "Theirs" in mine(shop)["liked_brands"]
    is_settled(shop)


def test_a_server_adjusts_twice_in_one_transaction(shop: Database) -> None:
    with shop.psycopg() as pg:
        for brand in ("First", "Second"):
            pg.execute(
                "update public.user_preferences set liked_brands = array[%s], adjusted_at = now() where user_id = %s",
                [brand, ME],
            )
    assert told(shop)["liked_brands"].get("Second") is True
    preferences.recalculate(shop)
    assert mine(shop)["liked_brands"] == ["Second"]
    is_settled(shop)


@pytest.mark.parametrize("written", ['{"%s": "y"}', '{"%s": 1e400}', "[1]"])
def test_whatever_a_server_wrote_in_a_score_a_full_run_computes_it(shop: Database, written: str) -> None:
    before = mine(shop)
    brand = min(before["brand_scores"])
    with shop.psycopg() as pg:
        value = written.replace("%s", brand)
        pg.execute("update public.user_preferences set brand_scores = %s where user_id = %s", [value, ME])
    preferences.recalculate(shop, full=True)
    assert mine(shop) == before


def test_a_user_without_any_event_is_what_the_adjustments_say(shop: Database) -> None:
    with shop.psycopg() as pg:
        pg.execute("delete from public.swipe_interactions where user_id = %s", [ME])
        pg.execute("delete from public.recommendation_feedback where user_id = %s", [ME])
    preferences.recalculate(shop)
    with shop.psycopg() as pg:
        write(pg, "authenticated", "user_preferences", {"user_id": ME, "brand_scores": '{"Mine": 0.9}'})
    done = preferences.recalculate(shop)
    assert (done.users, done.signals, done.published.written) == (1, 0, 1)
    row = mine(shop)
    assert (row["brand_scores"], row["confidence_level"], row["total_swipes"]) == ({"Mine": 0.9}, 0, 0)
    is_settled(shop)
    assert preferences.reset(shop, row["user_id"])
    assert str(row["user_id"]) not in {str(row["user_id"]) for row in profiles_in(shop)}


# --- counted in the weights that predict ----------------------------------------------------------------------------------


def said_in(
    world: World, user: list[int], names: list[str], share: list[float], prices: Mapping[int, float] = {}
) -> ByHand:
    codes = [world.vocabulary.code(KIND["category"], name) for name in names]
    return ByHand(
        np.array(user, np.int64),
        np.array(codes, np.int64),
        np.array(share, np.float64),
        np.array(list(prices), np.int64),
        np.array(list(prices.values()), np.float64),
    )


def weights_of(world: World, found: Profiles, user: int) -> dict[str, float]:
    mine = found.cell_user == user
    return {
        world.vocabulary.names[code]: weight
        for code, weight in zip(found.cell_code[mine].tolist(), found.cell_weight[mine].tolist(), strict=True)
    }


def test_what_is_said_counts_as_ten_judgements_in_its_own_cell_and_moves_nothing_else(world: World) -> None:
    events, p = of_users(world.events, [3, 4]), world.model.parameters
    without = profiles(events, world.model)
    found = profiles(events, world.model, said_in(world, [0, 0], ["mugs", "toys"], [0.9, 0.0]))
    for field in fields(Profiles):
        if not field.name.startswith("cell_"):
            assert np.array_equal(getattr(found, field.name), getattr(without, field.name), equal_nan=True), field.name
    told, untold = weights_of(world, found, 0), weights_of(world, without, 0)
    assert {name for name in untold if told[name] != untold[name]} | (set(told) - set(untold)) == {"mugs", "toys"}
    assert weights_of(world, found, 1) == weights_of(world, without, 1)
    known = residuals(judgements(events, p), world.items.offset, p.base_variance)
    cells = facet_cells(known, world.items, world.vocabulary)
    for name, share in (("mugs", 0.9), ("toys", 0.0)):
        code = world.vocabulary.code(KIND["category"], name)
        expected = sigmoid(p.content_intercept + p.content_offset[code] + known.base[0])
        mine = (cells.user == 0) & (cells.code == code)
        gradient, curvature = cells.gradient[mine].sum(), cells.curvature[mine].sum()
        share = float(by_odds(np.array(share), 1 / p.plain_odds))
        gradient, curvature = gradient + 10 * (share - expected), curvature + 10 * expected * (1 - expected)
        assert told[name] == pytest.approx(gradient / (curvature + 1 / p.facet_variance[KIND["category"]]), abs=1e-7)
    scores = {
        code: score
        for user, code, score in zip(found.cell_user, found.cell_code, found.cell_score, strict=True)
        if user == 0
    }
    judged = {
        code: score
        for user, code, score in zip(without.cell_user, without.cell_code, without.cell_score, strict=True)
        if user == 0
    }
    assert {code: score for code, score in scores.items() if not np.isnan(score)} == judged


def test_what_is_said_has_the_same_bits_alone_and_in_a_crowd(world: World) -> None:
    names, share = ["bags", "bags", "toys"], [0.3, 0.7, 1.0]
    crowd = profiles(world.events, world.model, said_in(world, [7, 7, 9], names, share, {7: 12.5, 11: 900.0}))
    for user, said in (
        (7, said_in(world, [0, 0], names[:2], share[:2], {0: 12.5})),
        (9, said_in(world, [0], names[2:], share[2:])),
        (11, said_in(world, [], [], [], {0: 900.0})),
        (12, None),
    ):
        alone = profiles(of_users(world.events, [user]), world.model, said)
        assert same_bits(alone, 0, crowd, user), user


def test_a_low_sweet_spot_speaks_for_what_is_cheap_and_a_high_one_for_what_is_dear(world: World) -> None:
    events = of_users(world.events, [3])
    low, none, high = (
        profiles(events, world.model, said_in(world, [], [], [], prices)).slope[0]
        for prices in ({0: 0.01}, {}, {0: 1e9})
    )
    assert low < none < high


@pytest.mark.parametrize(("column", "sign"), [("liked_brands", 1), ("disliked_brands", -1), ("brand_scores", 1)])
def test_what_a_user_says_of_a_brand_is_predicted_by_until_it_is_taken_back(
    shop: Database, column: str, sign: int
) -> None:
    before = mine(shop)
    brands = before["ml_features"]["weights"]["brand"]
    brand = min(brands)
    said = before[column] | {brand: 1} if column == "brand_scores" else [brand]
    adjust(shop, **{column: said})
    preferences.recalculate(shop)
    row = mine(shop)
    now = row["ml_features"]["weights"]["brand"]
    assert sign * (now[brand] - brands[brand]) > 0
    assert {name: weight for name, weight in now.items() if name != brand} == {
        n: w for n, w in brands.items() if n != brand
    }
    assert row["brand_scores"] == (said if column == "brand_scores" else before["brand_scores"])
    is_settled(shop)
    adjust(shop, **{column: None})
    preferences.recalculate(shop)
    assert mine(shop) == before


def test_what_is_only_said_and_never_judged_is_weighed_and_not_scored(shop: Database) -> None:
    with shop.psycopg() as pg:
        pg.execute("delete from public.swipe_interactions where user_id = %s", [ME])
        pg.execute("delete from public.recommendation_feedback where user_id = %s", [ME])
    brand = scalar(shop, "select min(brand) from pipeline.taste_items")
    adjust(shop, liked_brands=[brand, "Nobody's"], price_range={"sweet_spot": 1})
    preferences.recalculate(shop)
    row = mine(shop)
    assert row["ml_features"]["weights"]["brand"].keys() == {brand}
    assert row["ml_features"]["price_slope"] < 0
    assert brand not in row["brand_scores"]
    is_settled(shop)


def test_an_explanation_lists_what_was_adjusted_and_says_what_is_predicted(shop: Database) -> None:
    me = mine(shop)["user_id"]
    brand = min(mine(shop)["brand_scores"])
    adjust(shop, brand_scores={brand: 0.98}, similarity_threshold=0.25)
    preferences.recalculate(shop)
    product = preferences.recommend(shop, me, 1)[0].product_id
    told = preferences.explain(shop, me, product)
    assert told.chance is not None
    predicted = preferences.predict(shop, mine(shop), [product]).probability[product]
    assert told.chance.probability == pytest.approx(predicted, abs=1e-6)
    assert [(one.column, one.key, one.value) for one in told.adjusted if one.value is not None] == [
        ("brand_scores", brand, 0.98),
        ("similarity_threshold", "", 0.25),
    ]


# --- whatever is written --------------------------------------------------------------------------------------------------

#: What is written, what of it is kept, and how many keys are ignored.
WRITTEN: dict[str, tuple[str, Any, dict[str, Any], int]] = {
    "no object": ("category_preferences", "[1, 2]", {}, 1),
    "text": ("category_preferences", '"mugs"', {}, 1),
    "no number": ("category_preferences", '{"a": "lots", "b": true, "c": [1], "d": {"e": 1}}', {}, 4),
    "beyond 1 and below 0": ("brand_scores", '{"a": 1.01, "b": -0.01, "c": 1e300, "d": 1e-300}', {"d": 0}, 3),
    "more digits than a number has": ("style_scores", '{"a": 0.' + "3" * 5000 + "}", {"a": float("0." + "3" * 20)}, 0),
    "hardly above 0": ("style_scores", '{"a": 1e-5000}', {"a": 0}, 0),
    "a key of 201 characters, and none": ("style_scores", json.dumps({"x" * 201: 1, "": 1, "ö" * 200: 1}), {"ö" * 200: 1}, 2),
    "more than 100 keys": (
        "occasion_preferences", json.dumps({f"{n:03}": 0.5 for n in range(900)}), {f"{n:03}": 0.5 for n in range(100)}, 800
    ),
    "prices below nothing, endless and unknown": (
        "price_range", '{"min": -1, "max": 1e10, "sweet_spot": 7, "currency": "GBP"}', {"sweet_spot": 7}, 3
    ),
    "brands within brands": ("liked_brands", "{{a,b},{c,NULL}}", {"a": True, "b": True, "c": True}, 0),
    "100 long brands": ("disliked_brands", ["x" * 140 + str(n) for n in range(100)], {"x" * 140 + str(n): True for n in range(100)}, 0),
    "a threshold of 9.99": ("similarity_threshold", "9.99", {}, 1),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("value", WRITTEN)
def test_what_says_nothing_is_ignored_and_counted_and_ends_nothing(shop: Database, value: str) -> None:
    column, written, kept, ignored = WRITTEN[value]
    others = [row for row in profiles_in(shop) if str(row["user_id"]) != ME]
    with shop.psycopg() as pg:  # as if nothing had been computed, but a highest price
        nothing = '{"max": 40}' if column == "price_range" else None
        pg.execute(f"update public.user_preferences set {column} = %s where user_id = %s", [nothing, ME])
    adjust(shop, **{column: written})
    found = told(shop).get(column, {})
    assert {key: said for key, said in found.items() if key in kept} == pytest.approx(kept)
    assert set(found) == set(kept)
    assert told(shop, ignored=True).get(column, {"": 0}) == {"": ignored}
    assert preferences.recalculate(shop).users == 1
    published = mine(shop)[column]
    assert all(key in published for key, said in kept.items() if said is not None)
    assert [row for row in profiles_in(shop) if str(row["user_id"]) != ME] == others
    is_settled(shop)
    adjust(shop, **{column: None})
    assert told(shop) == told(shop, ignored=True) == {}
    preferences.recalculate(shop)
    is_settled(shop)


@pytest.mark.slow
def test_however_often_a_user_writes_at_most_100_keys_of_a_column_are_kept(shop: Database) -> None:
    for start in range(0, 400, 60):
        adjust(shop, style_scores={f"{n:03}": 0.5 for n in range(start, start + 60)})
        preferences.recalculate(shop)
    kept = told(shop)["style_scores"]
    assert {key for key, value in kept.items() if value is not None} == {f"{n:03}" for n in range(360, 420)}
    assert len(kept) <= 100
    is_settled(shop)


def test_what_is_unreadable_takes_back_what_stood_there_so_that_nobody_hoards(shop: Database) -> None:
    for n in range(3):
        adjust(shop, style_scores={f"{n}{key:02}" + "\U0001f9e6" * 190: 0.5 for key in range(20)})
        if n < 2:
            adjust(shop, style_scores="[1]")
            assert "style_scores" not in told(shop)
    assert preferences.recalculate(shop).users == 1
    assert len(mine(shop)["style_scores"]) >= 20
    is_settled(shop)


def test_what_was_written_and_is_too_long_together_gives_way_to_what_is_computed(shop: Database) -> None:
    before = mine(shop)["style_scores"]
    for n in range(2):
        adjust(shop, style_scores={f"{n}{key:02}" + "\U0001f9e6" * 190: 0.5 for key in range(20)})
        with shop.psycopg() as pg:  # a server that writes over it
            pg.execute("update public.user_preferences set style_scores = null where user_id = %s", [ME])
    preferences.recalculate(shop)
    assert mine(shop)["style_scores"] == before
    is_settled(shop)


def test_what_is_refused_adjusts_nothing(shop: Database) -> None:
    for column, value in (
        ("category_preferences", json.dumps({f"{n:06}": 0.5 for n in range(100_000)})),
        ("price_sensitivity", "NaN"),
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            adjust(shop, **{column: value})
    assert told(shop) == {}
    with shop.psycopg() as pg:
        pg.execute("set local role authenticated")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            pg.execute("select from pipeline.adjustments")


# --- at any time -----------------------------------------------------------------------------------------------------------


def test_an_adjustment_made_while_its_users_profile_is_computed_is_not_lost(shop: Database) -> None:
    writes = iter([{"brand_scores": {"Late": 0.9}}, {"brand_scores": None}])

    def meanwhile(compute: Callable[..., bytes], blocks: Iterable[Any]) -> Iterator[bytes]:
        for block in blocks:
            adjust(shop, **next(writes))
            yield compute(*block)

    for late in ({"Late": 0.9}, None):
        swipe_left(shop, 5)
        total = mine(shop)["total_swipes"]
        preferences.recalculate(shop, over=meanwhile)
        row = mine(shop)
        assert (row["brand_scores"], row["total_swipes"]) == (late, total + 5)
    assert preferences.recalculate(shop).users == 1
    assert "Late" not in mine(shop)["brand_scores"]
    is_settled(shop)


def test_an_adjustment_under_way_when_all_are_taken_back_is_taken_back_too(shop: Database) -> None:
    adjust(shop, liked_brands=["Mine"])
    with ThreadPoolExecutor(1) as pool, shop.psycopg() as pg:
        write(pg, "authenticated", "user_preferences", {"brand_scores": '{"Late": 0.9}'}, where={"user_id": ME})
        taken = pool.submit(preferences.reset, shop, UUID(ME))
        while not scalar(shop, "select count(*) from pg_locks where not granted"):
            assert not taken.done()
        pg.commit()
        assert taken.result()
    assert told(shop) == {}
    assert "Late" not in mine(shop)["brand_scores"]
    is_settled(shop)


def test_a_run_reads_only_what_those_adjusted_whom_it_computes(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    adjust(shop, liked_brands=["Mine"])
    with shop.psycopg() as pg:
        pg.execute(
            "update public.user_preferences set liked_brands = '{Theirs}', adjusted_at = now() where user_id <> %s",
            [ME],
        )
    preferences.recalculate(shop)
    adjust(shop, liked_brands=["Mine", "Another"])
    by_hand, users = recalculation.by_hand, set[str]()

    def seen(said: list[Adjustment], *of: Any) -> Any:
        users.update(str(one.user_id) for one in said)
        return by_hand(said, *of)

    monkeypatch.setattr(recalculation, "by_hand", seen)
    preferences.recalculate(shop)
    assert users == {ME}


def test_another_version_publishes_what_was_written_and_going_back_gives_the_old_row(shop: Database) -> None:
    old = scalar(shop, "select version from pipeline.current_taste_model")
    scores = mine(shop)["brand_scores"]
    adjust(shop, brand_scores=scores | {min(scores): 0.97, "Nobody's": 0.5})
    preferences.recalculate(shop)
    before = mine(shop)
    train(shop, half_life_days=20)
    preferences.recalculate(shop)
    row = mine(shop)
    assert row["calculation_version"] != old
    assert (row["brand_scores"][min(scores)], row["brand_scores"]["Nobody's"]) == (0.97, 0.5)
    preferences.pin(shop, old)
    preferences.recalculate(shop)
    assert mine(shop) == before


def test_what_an_earlier_release_kept_is_told_by_where_it_differs_from_what_is_computed(shop: Database) -> None:
    before = mine(shop)
    key = min(before["category_preferences"])
    adjust(shop, category_preferences=before["category_preferences"] | {key: 0.93}, liked_brands=["Mine"])
    kept = mine(shop)
    with shop.psycopg() as pg:  # which kept neither
        pg.execute("delete from pipeline.adjustments")
        pg.execute("update pipeline.profile_fingerprints set adjusted_at = null")
    assert preferences.recalculate(shop).users == 1
    assert mine(shop) == kept
    assert told(shop) == {
        "category_preferences": {key: 0.93},
        "liked_brands": {"Mine": True, **dict.fromkeys(before["liked_brands"])},
    }
    preferences.recalculate(shop)
    is_settled(shop)


def test_with_the_account_goes_what_was_adjusted_even_where_it_is_kept_no_more(shop: Database) -> None:
    adjust(shop, liked_brands=["Mine"])
    with shop.psycopg() as pg:
        pg.execute("delete from auth.users where id = %s", [ME])
    assert told(shop) == {}
    with shop.psycopg() as pg:
        pg.execute("drop table pipeline.adjustments")
        pg.execute("delete from auth.users where id = md5('user6')::uuid")


def test_what_was_adjusted_goes_with_a_profile_that_is_truncated(shop: Database) -> None:
    adjust(shop, liked_brands=["Mine"])
    with shop.psycopg() as pg:
        pg.execute("truncate public.user_preferences, pipeline.profile_fingerprints")
    preferences.recalculate(shop)
    assert "Mine" not in mine(shop)["liked_brands"]
    assert told(shop) == {}
    is_settled(shop)
