"""What a client may write, and a catalogue may hold, ends nobody else's profile: one test per hostile value, then whatever
hypothesis thinks of. Swipes and rounds are the app's tables under the app's policies, feedback and adjustments ours."""

import json
import uuid
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclue_pipeline import preferences
from aclue_pipeline.checks import ask
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.preferences import changed, signals, store
from aclue_pipeline.preferences.arrays import EVENT_COLUMNS
from aclue_pipeline.preferences.catalogue import UUID
from aclue_pipeline.preferences.facets import CONTEXT_KINDS, PROFILE_LIMIT
from aclue_pipeline.preferences.lookup import Lookup
from tests.preferences.database import ME, MUG, TIP, Row, fingerprints_in, known, profiles_in, scalar, train, write
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database

SOME = "00000000-0000-4000-8000-000000000001"
CHECK = next(file for file in CATALOG.checks if file.name == "signals_within_bounds")


def others(db: Database) -> list[dict[str, Any]]:
    return [row for row in profiles_in(db) if str(row["user_id"]) != ME]


def whoever_has_signals_has_a_fingerprint(db: Database) -> None:
    differ = f"""select count(*) from ({changed.FINGERPRINTS}) as f
        full join (select user_id, bool_or(is_pending) as is_pending from pipeline.signals group by user_id) as s using (user_id)
        where f.is_pending is distinct from s.is_pending"""
    assert scalar(db, differ) == 0


def is_harmless(db: Database) -> None:
    """Nobody else's profile moves, with the model there is; a new one is trained, and everybody recalculated."""
    before = others(db)
    whoever_has_signals_has_a_fingerprint(db)
    assert preferences.recalculate(db).users <= 1
    assert others(db) == before
    assert preferences.recalculate(db, full=True).published.written == 0
    train(db)
    preferences.recalculate(db)
    assert len(others(db)) == len(before)


def is_the_same(db: Database) -> None:
    """What was hostile stands there by now as what it counts as: the same version is trained, every profile as it was."""
    before = profiles_in(db)
    assert not preferences.train(db).is_new
    preferences.recalculate(db, full=True)
    assert profiles_in(db) == before


# --- swipes and rounds of swiping -----------------------------------------------------------------------------------------

SWIPE: Row = {
    "id": SOME,
    "user_id": ME,
    "product_id": MUG,
    "swipe_direction": "right",
    "swipe_timestamp": "2026-03-01 10:00+00",
}
FAR = "294276-12-31 23:59:59+00"

#: What is written, and the ordinary value that it counts as; None: the whole row as if it were not there.
SWIPES: dict[str, tuple[Row, Row | None]] = {
    "swiped at infinity": ({"swipe_timestamp": "infinity"}, None),
    "swiped at -infinity": ({"swipe_timestamp": "-infinity"}, None),
    "swiped in the year 294276": ({"swipe_timestamp": FAR}, None),
    "swiped in the year 1": ({"swipe_timestamp": "0001-01-01 00:00+00"}, None),
    "swiped in the year 4713 BC": ({"swipe_timestamp": "4713-01-01 00:00+00 BC"}, None),
    "looked at for 68 years": ({"time_spent_seconds": 2147483647}, {"time_spent_seconds": 86_400}),
    "looked at for minus 68 years": ({"time_spent_seconds": -2147483648}, {"time_spent_seconds": None}),
    "looked at for minus 5 seconds": ({"time_spent_seconds": -5}, {"time_spent_seconds": None}),
    "a strength that is no number": ({"preference_strength": "NaN"}, {"preference_strength": None}),
    "a strength of 9.99": ({"preference_strength": "9.99"}, {"preference_strength": 1}),
    "a strength of -9.99": ({"preference_strength": "-9.99"}, {"preference_strength": 0}),
}


@pytest.mark.slow
@pytest.mark.parametrize("value", SWIPES)
def test_one_swipe_stops_nobodys_profile(shop: Database, value: str) -> None:
    hostile, counts_as = SWIPES[value]
    with shop.psycopg() as pg:
        write(pg, "authenticated", "swipe_interactions", {**SWIPE, **hostile})
    is_harmless(shop)
    with shop.psycopg() as pg:
        pg.execute("delete from public.swipe_interactions where id = %s", [SOME])
        if counts_as is not None:
            write(pg, "authenticated", "swipe_interactions", {**SWIPE, **counts_as})
    is_the_same(shop)


@pytest.mark.slow
def test_twenty_thousand_swipes_of_one_user_stop_nobodys_profile(shop: Database) -> None:
    """Of each product one judgement counts, and the profile holds what is known best."""
    with shop.psycopg() as pg:
        pg.execute("create temp table flood as select * from public.swipe_interactions with no data")
        pg.execute(
            """insert into pg_temp.flood (id, user_id, product_id, swipe_direction, swipe_timestamp)
               select gen_random_uuid(), %s, md5('product' || 1 + n %% 30)::uuid, (array['left', 'right', 'up', 'down'])[1 + n / 30 %% 4],
                   timestamptz '2026-03-01 10:00+00' + n / 100 * interval '1 second' from generate_series(1, 20000) n""",
            [ME],
        )
        pg.execute("grant all on pg_temp.flood to authenticated")
        pg.execute(
            "select set_config('request.jwt.claims', %s, true)", [json.dumps({"role": "authenticated", "sub": ME})]
        )
        pg.execute("set local role authenticated")
        pg.execute("insert into public.swipe_interactions select * from pg_temp.flood")
        pg.execute("reset role")
    is_harmless(shop)
    (mine,) = [row for row in profiles_in(shop) if str(row["user_id"]) == ME]
    assert mine["total_swipes"] > 15_000
    assert mine["ml_features"]["judged"] == 30


WORDS = {
    "of a megabyte": ("x" * 1_000_000, "x" * 60),
    "of two bytes a letter": ("ö" * 500_000, "ö" * 60),
    "of quotes and control characters": ("\"'\\\t\n\r\x01{},", "\"'\\\t\n\r\x01{},"),
}


@pytest.mark.slow
@pytest.mark.parametrize("value", WORDS)
def test_one_round_of_swiping_stops_nobodys_profile(shop: Database, value: str) -> None:
    hostile, counts_as = ({"occasion": text, "recipient_relationship": text} for text in WORDS[value])
    with shop.psycopg() as pg:
        write(pg, "authenticated", "swipe_sessions", {"id": SOME, "user_id": ME})
        write(pg, "authenticated", "swipe_interactions", {**SWIPE, "session_id": SOME})
        write(pg, "authenticated", "swipe_sessions", hostile, where={"id": SOME})
    is_harmless(shop)
    (mine,) = [row for row in profiles_in(shop) if str(row["user_id"]) == ME]
    # A word that fewer than five people said is nobody's: a model would keep it when the person is erased.
    assert counts_as["occasion"] not in mine["occasion_preferences"]
    assert counts_as["recipient_relationship"] not in mine["recipient_preferences"]
    with shop.psycopg() as pg:
        write(pg, "authenticated", "swipe_sessions", counts_as, where={"id": SOME})
    is_the_same(shop)


@pytest.mark.slow
def test_rounds_whose_ids_one_number_stands_for_stop_nobodys_profile(shop: Database) -> None:
    """Their ids are the client's: told apart by a mixture of their bits, these two are one."""
    ids = ["00000000-0000-0000-0000-000000000001", "80000000-0000-0000-8000-000000000001"]
    with shop.psycopg() as pg:
        for id_ in ids:
            write(pg, "authenticated", "swipe_sessions", {"id": id_, "user_id": ME, "occasion": "birthday"})
            swipe = {**SWIPE, "id": str(uuid.uuid4()), "session_id": id_}
            write(pg, "authenticated", "swipe_interactions", swipe)
    is_harmless(shop)


@given(
    st.lists(st.tuples(*[st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**62, 2**63])] * 2), unique=True),
    st.data(),
)
def test_every_id_is_found_whoever_chose_them(ids: list[tuple[int, int]], data: st.DataObject) -> None:
    asked = [*data.draw(st.lists(st.sampled_from([(0, 0), *ids]), max_size=5)), (2**63, 2**63)]
    found = Lookup(np.array(ids, UUID))(np.array(asked, UUID))
    assert found.tolist() == [ids.index(one) if one in ids else -1 for one in asked]


# --- feedback -----------------------------------------------------------------------------------------------------------------

FEEDBACK: Row = {
    "id": SOME,
    "recommendation_id": TIP,
    "user_id": ME,
    "product_id": MUG,
    "feedback_type": "explicit",
    "feedback_value": "-1",
    "model_version": "1",
}

#: The same; some of it only the app's server may write.
REACTIONS: dict[str, tuple[str, Row, Row | None]] = {
    "neither said nor done": ("authenticated", {"feedback_type": None}, {"feedback_type": "implicit"}),
    "tags within tags": ("authenticated", {"feedback_tags": "{{a,b},{price,NULL}}"}, {"feedback_tags": "{price}"}),
    "a weight that is no number": ("service_role", {"training_weight": "NaN"}, {"training_weight": None}),
    "given at infinity": ("service_role", {"created_at": "infinity"}, None),
    "given at -infinity": ("service_role", {"created_at": "-infinity"}, None),
    "given in the year 294276": ("service_role", {"created_at": FAR}, None),
    "given in the year 1": ("service_role", {"created_at": "0001-01-01 00:00+00"}, None),
}


@pytest.mark.slow
@pytest.mark.parametrize("value", REACTIONS)
def test_one_piece_of_feedback_stops_nobodys_profile(shop: Database, value: str) -> None:
    role, hostile, counts_as = REACTIONS[value]
    with shop.psycopg() as pg:
        write(pg, role, "recommendation_feedback", {**FEEDBACK, **hostile})
    is_harmless(shop)
    with shop.psycopg() as pg:
        if counts_as is None:
            pg.execute("delete from public.recommendation_feedback where id = %s", [SOME])
        else:
            write(pg, "service_role", "recommendation_feedback", counts_as, where={"id": SOME})
    is_the_same(shop)


@pytest.mark.parametrize("value", ["NaN", "9.99", "-9.99"])
def test_feedback_without_a_value_from_minus_1_to_1_is_refused(shop: Database, value: str) -> None:
    with shop.psycopg() as pg, pytest.raises(psycopg.errors.CheckViolation):
        write(pg, "authenticated", "recommendation_feedback", {**FEEDBACK, "feedback_value": value})


# --- products -----------------------------------------------------------------------------------------------------------------

PRODUCTS: dict[str, tuple[Row, Row]] = {
    "a price that is no number": ({"price_min": "NaN", "price_max": "NaN"}, {"price_min": None, "price_max": None}),
    "half a price that is no number": ({"price_min": "NaN", "price_max": 8}, {"price_min": 8, "price_max": 8}),
    "a price below nothing": ({"price_min": "-99999999.99", "price_max": None}, {"price_min": None, "price_max": None}),
    "the highest price there is": ({"price_max": "99999999.99"}, {"price_max": "99999999.99"}),
    "a commission that is no number": ({"commission_rate": "NaN"}, {"commission_rate": None}),
    "a title of a megabyte": ({"title": "Red " + "blue " * 200_000}, {"title": "Red blue"}),
    "a title of one word": ({"title": "x" * 1_000_000}, {"title": "x"}),
    "a brand of a megabyte": ({"brand": "B" * 1_000_000}, {"brand": "B" * 100}),
    "a tag of a megabyte": ({"tags": ["t" * 1_000_000]}, {"tags": ["t" * 60]}),
    "a tag that is none": ({"tags": [None, "wood"]}, {"tags": ["wood"]}),
    "features that are a list": ({"features": '[1, {"style": 2}]'}, {"features": "{}"}),
    "features that are null": ({"features": "null"}, {"features": "{}"}),
    "features within features": (
        {"features": '{"style": {"colour": []}, "colour": [[1], null], "theme": 1e300}'},
        {"features": '{"colour": ["[1]"]}'},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("value", PRODUCTS)
def test_one_product_stops_nobodys_profile(shop: Database, value: str) -> None:
    """One that the model knows, and one that it does not."""
    hostile, counts_as = PRODUCTS[value]
    with shop.psycopg() as pg:
        write(pg, "service_role", "products", {"id": SOME, "title": "Plain thing", "price_min": 5, "price_max": 5})
        for product in (SOME, MUG):
            write(pg, "service_role", "products", hostile, where={"id": product})
            swipe = {**SWIPE, "id": str(uuid.uuid4()), "product_id": product}
            write(pg, "authenticated", "swipe_interactions", swipe)
    is_harmless(shop)
    with shop.psycopg() as pg:
        for product in (SOME, MUG):
            write(pg, "service_role", "products", counts_as, where={"id": product})
    is_the_same(shop)


def test_a_catalogue_of_the_longest_names_stops_nobodys_profile(shop: Database) -> None:
    with shop.psycopg() as pg:
        pg.execute("delete from public.swipe_interactions where user_id = %s", [ME])
        pg.execute(
            """with made as (
                   insert into public.products (title, brand) select 'Plain thing', n || repeat('🧦', 97)
                   from generate_series(100, 159) as n returning id
               )
               insert into public.swipe_interactions (user_id, product_id, swipe_direction) select %s, id, 'right' from made""",
            [ME],
        )
    train(shop)
    preferences.recalculate(shop)
    row = next(row for row in profiles_in(shop) if str(row["user_id"]) == ME)
    assert len(row["brand_scores"]) == PROFILE_LIMIT


def test_a_price_that_is_no_number_or_infinite_is_none_in_either_shape_of_the_catalogue(
    shop: Database, databases: Any
) -> None:
    with shop.psycopg() as pg, pytest.raises(psycopg.errors.NumericValueOutOfRange):  # refused by the column's type
        write(pg, "service_role", "products", {"price_max": "Infinity"}, where={"id": MUG})
    db = databases.copy("deployed_b")
    with db.psycopg() as pg:
        pg.execute(
            "alter table public.products drop column price, add column price numeric"
        )  # an app's that holds infinity
        for title, price in (("Jug", 4), ("Mug", "NaN"), ("Nut", "Infinity"), ("Oar", "-Infinity")):
            write(pg, "service_role", "products", {"title": title, "category": "Kitchen", "price": price})
        known = pg.execute("select price, price_min, price_max from staging.products order by title limit 2").fetchall()
        features = pg.execute("select price, relative_price from pipeline.item_features order by price").fetchall()
    assert known == [(4, 4, 4), (None, None, None)]
    assert features == [(4, 0), *[(None, 0)] * 3]


# --- the cut --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        ("timestamptz '2000-01-01 00:00+00'", 1),
        ("timestamptz '2000-01-01 00:00+00' - interval '1 microsecond'", 0),
        ("date_trunc('day', now(), 'UTC') + interval '48 hours' - interval '1 microsecond'", 1),
        ("date_trunc('day', now(), 'UTC') + interval '48 hours'", 0),
    ],
)
def test_an_event_counts_from_2000_to_the_end_of_the_next_utc_day(shop: Database, at: str, taken: int) -> None:
    with shop.psycopg() as pg:
        row = pg.execute(f"select ({at})::text").fetchone()
        assert row is not None
        write(pg, "authenticated", "swipe_interactions", {**SWIPE, "swipe_timestamp": row[0]})
    assert preferences.recalculate(shop).users == taken
    assert preferences.recalculate(shop, full=True).published.written == 0


def test_an_event_is_taken_in_by_the_first_pass_whose_cut_it_is_before(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, marks = profiles_in(shop), fingerprints_in(shop)
    cut = scalar(shop, "select date_trunc('day', now(), 'UTC') + interval '48 hours'")
    assert {mark["cut"] for mark in marks} == {cut}
    with shop.psycopg() as pg:
        write(pg, "authenticated", "swipe_interactions", {**SWIPE, "swipe_direction": "up", "swipe_timestamp": cut})
    assert preferences.recalculate(shop).users == 0
    assert (profiles_in(shop), fingerprints_in(shop)) == (before, marks)
    _move_the_clock(shop, monkeypatch)
    assert preferences.recalculate(shop).users == 1
    assert {row["user_id"]: row["super_likes"] for row in profiles_in(shop)} == {
        row["user_id"]: row["super_likes"] + (str(row["user_id"]) == ME) for row in before
    }
    assert preferences.recalculate(shop, full=True).published.written == 0


def _move_the_clock(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """View, fingerprints and what is read as they will be tomorrow."""
    tomorrow = ("now()", "now() + interval '24 hours'")
    with db.psycopg() as pg:
        row = pg.execute("select pg_get_viewdef('pipeline.signals'::regclass)").fetchone()
        assert row is not None
        assert "now()" in row[0]
        pg.execute("create or replace view pipeline.signals as " + row[0].replace(*tomorrow))
    for module, names in (
        (changed, ("TOUCHED", "TOUCHED_USERS", "FOUND", "KNOWN")),
        (signals, ("_SWIPES", "_FEEDBACK")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name).replace(*tomorrow))


def test_the_cut_is_said_alike_wherever_it_is_said() -> None:
    for path in (CATALOG.tables["pipeline.signals"].path, CHECK.path):
        assert changed.CUT in path.read_text(), path


# --- the check ------------------------------------------------------------------------------------------------------------------


def test_the_check_is_green_where_every_number_can_be(shop: Database) -> None:
    judged = ask(shop, CHECK)
    assert judged.passed
    assert judged.sentence == "no number, date or word had to be clamped or left out"


def test_the_check_warns_and_counts_what_was_clamped_or_left_out_by_cause(shop: Database) -> None:
    with shop.psycopg() as pg:
        for hostile, _ in SWIPES.values():
            write(pg, "authenticated", "swipe_interactions", {**SWIPE, **hostile, "id": str(uuid.uuid4())})
        for role, hostile, _ in REACTIONS.values():
            write(pg, role, "recommendation_feedback", {**FEEDBACK, **hostile, "id": str(uuid.uuid4())})
        write(pg, "authenticated", "swipe_sessions", {"user_id": ME, "occasion": "x" * 61})
        write(pg, "service_role", "products", {"price_min": "NaN"}, where={"id": MUG})
        hostile = {"price_range": '{"currency": "GBP"}', "liked_brands": ["x" * 201]}
        write(pg, "authenticated", "user_preferences", hostile, where={"user_id": ME})
    judged = ask(shop, CHECK)
    assert not judged.passed
    counted = judged.evidence
    causes = {
        "too_early": 5,
        "too_late": 4,
        "time_spent": 3,
        "strength": 3,
        "weight": 1,
        "words": 1,
        "price": 1,
        "adjustments": 2,
    }
    assert {name: counted[name] for name in causes} == causes
    assert judged.remedy


# --- whatever else a client thinks of ---------------------------------------------------------------------------------------------

_INSTANT = st.none() | st.datetimes().map(str) | st.sampled_from(
    ["infinity", "-infinity", FAR, "4713-01-01 00:00+00 BC", "9999-12-31 00:00+00", "2000-01-01 00:00+00"]
)  # fmt: skip
_HUNDREDTHS = st.sampled_from(["NaN", "9.99", "-9.99"]) | st.integers(-110, 110).map(lambda n: str(n / 100))
_INTEGER = st.none() | st.integers(-(2**31), 2**31 - 1)
_WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80)
_TEXT = st.none() | _WORD | st.integers(1, 200_000).map(lambda n: "long " * n)
_WORDS = st.none() | st.lists(st.none() | _WORD, max_size=3)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(-1e300, 1e300) | _WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORD, inner, max_size=3),
    max_leaves=5,
).map(json.dumps)
_CLIENT = st.sampled_from(["authenticated", "authenticated", "anon"])


def _rows(table: str, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, str, Row]]:
    return st.tuples(st.just(table), _CLIENT, st.fixed_dictionaries(columns))


_ROW = st.one_of(
    _rows(
        "swipe_interactions",
        product_id=st.none() | st.integers(1, 30).map(lambda n: known(f"product{n}")),
        session_id=st.none() | st.integers(1, 4).map(lambda n: known(f"session5/{n}")),
        swipe_direction=st.sampled_from(["left", "right", "up", "down"]),
        swipe_timestamp=_INSTANT,
        time_spent_seconds=_INTEGER,
        preference_strength=st.none() | _HUNDREDTHS,
        interaction_context=_JSON,
    ),
    _rows("swipe_sessions", occasion=_TEXT, recipient_relationship=_TEXT, recipient_gender=_TEXT, started_at=_INSTANT),
    _rows(
        "recommendation_feedback",
        recommendation_id=st.just(TIP),
        product_id=st.just(MUG),
        model_version=st.just("1"),
        feedback_type=st.sampled_from([None, "explicit", "implicit"]),
        feedback_value=_HUNDREDTHS,
        dwell_time_seconds=_INTEGER,
        feedback_tags=_WORDS,
        comment=_TEXT,
    ),
    _rows(
        "user_preferences",
        category_preferences=_JSON,
        price_range=_JSON,
        price_sensitivity=st.none() | _HUNDREDTHS,
        liked_brands=_WORDS,
    ),
)


def _send(pg: Pg, table: str, role: str, row: Row) -> None:
    """As the client would; what rights, policies or the table refuse is refused."""
    mine = {"user_id": ME if role == "authenticated" else None}
    try:
        with pg.transaction():
            if table == "user_preferences":
                write(pg, role, table, row, where=mine)
            elif table == "swipe_sessions":  # the words of a round that swipes belong to
                write(pg, role, table, row, where={"id": known("session5/1")})
            else:
                write(pg, role, table, {**row, **mine})
    except psycopg.Error:
        pass


def tried(times: int) -> settings:
    return settings(max_examples=times, deadline=None, suppress_health_check=list(HealthCheck))


@tried(5)
@given(st.lists(_ROW, min_size=1, max_size=8))
def test_whatever_a_client_writes_everybody_elses_profile_stays(
    fuzzed: Database, rows: list[tuple[str, str, Row]]
) -> None:
    _stays(fuzzed, rows)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@tried(25)
@given(st.lists(_ROW, min_size=1, max_size=8))
def test_whatever_many_clients_write_everybody_elses_profile_stays(
    fuzzed: Database, rows: list[tuple[str, str, Row]]
) -> None:
    _stays(fuzzed, rows)


def _stays(fuzzed: Database, rows: list[tuple[str, str, Row]]) -> None:
    """Each example on top of those before it: what they wrote stays."""
    before, version = others(fuzzed), scalar(fuzzed, "select version from pipeline.taste_models")
    with fuzzed.psycopg() as pg:
        for row in rows:
            _send(pg, *row)
    whoever_has_signals_has_a_fingerprint(fuzzed)
    assert preferences.recalculate(fuzzed).users <= 1
    assert others(fuzzed) == before
    assert preferences.recalculate(fuzzed, full=True).published.written == 0
    preferences.train(fuzzed)
    assert "NaN" not in scalar(fuzzed, "select string_agg(parameters::text, '') from pipeline.taste_models")
    with fuzzed.psycopg() as pg:  # back to the version whose profiles are known
        pg.execute("delete from pipeline.taste_models where version <> %s", [version])
        pg.execute("delete from pipeline.taste_items where model_version <> %s", [version])


# --- what is read -----------------------------------------------------------------------------------------------------------------


def test_what_is_read_is_what_the_view_says_row_by_row(shop: Database) -> None:
    """Redelivered, at one time stamp, in another's round, clamped: the stream drops, orders and clamps as pipeline.signals does."""
    with shop.psycopg() as pg:
        for hostile, _ in SWIPES.values():
            write(pg, "authenticated", "swipe_interactions", {**SWIPE, **hostile, "id": str(uuid.uuid4())})
        for role, hostile, _ in REACTIONS.values():
            write(pg, role, "recommendation_feedback", {**FEEDBACK, **hostile, "id": str(uuid.uuid4())})
        pg.execute(
            """insert into public.swipe_interactions
                   (session_id, user_id, product_id, swipe_direction, swipe_timestamp, time_spent_seconds, preference_strength)
               select case n % 3 when 0 then i.session_id when 1 then o.id end, i.user_id, i.product_id,
                   case when n < 5 then i.swipe_direction else 'right' end, i.swipe_timestamp, n, n / 7.0
               from public.swipe_interactions as i, generate_series(1, 7) as n, (select id from public.swipe_sessions limit 1) as o
               where n < 2 + uuid_hash(i.id) & 7"""
        )
    with shop.psycopg() as pg:
        pg.execute("set transaction isolation level repeatable read")
        model = store.load_model(pg)
        (block,) = signals.blocks(pg, signals.ALL, Lookup(model.items.ids), model.vocabulary)
        said = pg.execute(
            """select user_id, product_id, (extract(epoch from at - timestamptz '2000-01-01 00:00+00') * 1e6)::bigint, value,
                   case source when 'like' then 1 when 'super_like' then 2 when 'dislike' then 3 when 'seen' then 4 else 5 end,
                   seconds, coalesce(strength, 0.5), training_weight, is_explicit, is_about_price, occasion, recipient
               from pipeline.signals order by user_id, at, event_id"""
        ).fetchall()
        pending = pg.execute("select count(*) from pipeline.signals where is_pending").fetchone()
    events, vocabulary = block.events, model.vocabulary
    assert len(events) == len(said) > 1000
    user, product, *columns, occasion, recipient = zip(*said, strict=True)
    assert (block.users[events.user] == store.ids_of(list(user))).all()
    assert (model.items.ids[events.item] == store.ids_of(list(product))).all()
    names = ("at", "value", "source", "seconds", "strength", "training_weight", "explicit", "price_only")
    for name, column in zip(names, columns, strict=True):
        np.testing.assert_array_equal(getattr(events, name), np.array(column, float), name)
    for place, (kind, words) in enumerate(zip(CONTEXT_KINDS, (occasion, recipient), strict=True)):
        assert events.context[:, place].tolist() == [vocabulary.code(kind, word) for word in words]
    assert (len(block.pending),) == pending


def test_beyond_what_is_held_at_once_ranges_of_users_are_read_one_after_the_other(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.psycopg() as pg:
        pg.execute("set transaction isolation level repeatable read")
        model = store.load_model(pg)
        read = Lookup(model.items.ids), model.vocabulary, None, 60
        whole = list(signals.blocks(pg, signals.ALL, *read))
        monkeypatch.setattr(signals, "PASS_EVENTS", 200)
        parts = list(signals.blocks(pg, signals.ALL, *read))
    assert [block.users.tolist() for block in parts] == [block.users.tolist() for block in whole]
    for part, other in zip(parts, whole, strict=True):
        for name in EVENT_COLUMNS:
            np.testing.assert_array_equal(getattr(part.events, name), getattr(other.events, name))
