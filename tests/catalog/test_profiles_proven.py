"""What the headers of profiles declare, proven by experiment: a column is perturbed in a copy of a small database, where it stands or in
the rows of the app that it is read from; profiles are computed, and what comes out different rests on it."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.catalog.test_headers_proven import (
    ALL,
    Digests,
    Edge,
    Place,
    digests,
    perturbed,
    report,
    rests_on,
    small_demo,
    types_of,
)
from tests.catalog.test_lineage_proven import CHANGES, MOVED
from tests.conftest import Databases, copy_of, template
from tests.support.catalogs import CATALOG

__all__ = ["small_demo"]

SWIPES, FEEDBACK = "public.swipe_interactions", "public.recommendation_feedback"
SIGNALS, MODELS, ITEMS = "pipeline.signals", "pipeline.taste_models", "pipeline.taste_items"
SOME = "hashtext(id::text) % 3 = 0"
NEXT_USER = """
    with u as (select user_id, coalesce(lead(user_id) over w, first_value(user_id) over w) as other
        from (select distinct user_id from {0} where user_id is not null) as d window w as (order by user_id))
    update {0} as s set user_id = u.other from u where u.user_id = s.user_id and hashtext(s.id::text) % 3 = 0"""
LONE = f"""user_id = (select user_id from {SWIPES} where user_id is not null and user_id not in (
    select user_id from {FEEDBACK} where user_id is not null union select user_id from pipeline.adjustments) order by user_id limit 1)"""
#: Signals are read from the app's rows, which is where they are perturbed. A row that goes is the key's.
IN_THE_APP = {
    "user_id": [
        NEXT_USER.format(SWIPES),
        f"update {SWIPES} set user_id = (select min(user_id::text)::uuid from {FEEDBACK}) where {LONE}",
    ],
    "product_id": [
        f"""update {SWIPES} as s set product_id = o.other from (
            select id, lead(product_id) over (order by id) as other from {SWIPES}
        ) as o where o.id = s.id and o.other is not null""",
        f"update {SWIPES} set product_id = null where {LONE}",
    ],
    "at": [
        f"update {SWIPES} set swipe_timestamp = swipe_timestamp - abs(hashtext(id::text) % 40) * interval '1 day'",
        f"update {SWIPES} set swipe_timestamp = '1999-01-01' where {LONE}",
    ],
    "event_id": [
        f"delete from {SWIPES} where {LONE}",
        f"delete from {SWIPES} where {SOME}; delete from {FEEDBACK} where {SOME}",
        f"update {SWIPES} set id = gen_random_uuid()",
    ],
    "value": [
        f"update {FEEDBACK} set feedback_value = -feedback_value",
        f"update {SWIPES} set swipe_direction = case swipe_direction when 'left' then 'right' else 'left' end where {SOME}",
    ],
    "source": [
        f"""update {SWIPES} set swipe_direction = case swipe_direction when 'right' then 'up' else 'right' end
            where swipe_direction in ('right', 'up')""",
        f"update {SWIPES} set swipe_direction = 'left' where {SOME}",
    ],
    "seconds": [
        f"update {SWIPES} set time_spent_seconds = {s}" for s in ("40 - least(time_spent_seconds, 40)", "1", "600")
    ],
    "strength": [f"update {SWIPES} set preference_strength = 0.5 where {SOME}"],
    "training_weight": [f"update {FEEDBACK} set training_weight = {weight}" for weight in ("0.3", "0.02", "3")],
    "is_explicit": [
        f"update {FEEDBACK} set feedback_type = case feedback_type when 'explicit' then 'implicit' else 'explicit' end"
    ],
    "is_about_price": [f"update {FEEDBACK} set feedback_tags = array['price']"],
    "occasion": [
        "update public.swipe_sessions set occasion = case occasion when 'birthday' then 'wedding' else 'birthday' end"
    ],
    "recipient": [
        """update public.swipe_sessions
            set recipient_relationship = case recipient_relationship when 'friend' then 'partner' else 'friend' end"""
    ],
}
RENAMED = f"update {MODELS} set version = version || 'x'; update {ITEMS} set model_version = model_version || 'x'"
WORDS = f"""update {MODELS} set vocabulary = (select jsonb_object_agg(k, coalesce((
        select jsonb_agg(case when n % 2 = 0 then e || 'x' else e end order by n)
        from jsonb_array_elements_text(a) with ordinality as t (e, n)
    ), '[]')) from jsonb_each(vocabulary) as j (k, a))"""
RECIPES: dict[Place, list[sql.Composable | str]] = {
    (SIGNALS, column): recipes for column, recipes in IN_THE_APP.items()
}
RECIPES |= {(MODELS, "version"): [RENAMED], (MODELS, "vocabulary"): [WORDS]}
LESS = """update pipeline.adjustments
    set value = case jsonb_typeof(value) when 'number' then to_jsonb(round((value #>> '{}')::numeric * 0.7, 2)) end"""
RECIPES |= {("pipeline.adjustments", "value"): [LESS]}
#: A product of which nothing is known is none.
FEWER = [
    sql.SQL(
        """alter table pipeline.item_features rename to "item_features as it is";
        create view pipeline.item_features as
        select * from pipeline."item_features as it is" where hashtext(product_id::text) % 4 {} 0"""
    ).format(sql.SQL(which))
    for which in ("<>", "=")
]
RECIPES |= {("pipeline.item_features", "product_id"): list(FEWER)}
ROUNDS = "update public.swipe_sessions set"
RECIPES |= {
    ("staging.rounds", "user_id"): [f"{ROUNDS} user_id = (select min(user_id::text)::uuid from {SWIPES})"],
    ("staging.rounds", "occasion"): [f"{ROUNDS} occasion = null", *IN_THE_APP["occasion"]],
    ("staging.rounds", "recipient"): [f"{ROUNDS} recipient_relationship = null", *IN_THE_APP["recipient"]],
}
RECIPES |= {
    (ITEMS, "product_id"): [
        f"update {ITEMS} set product_id = gen_random_uuid() where hashtext(product_id::text) % 3 = 0"
    ]
}


#: What the demo has little of: words said for rounds, strengths, feedback.
RICHER = f"""
    select setseed(0.5);
    update public.swipe_sessions set occasion = (array['birthday', 'wedding'])[ceil(random() * 2)],
        recipient_relationship = (array['friend', 'partner'])[ceil(random() * 2)];
    update {SWIPES} set preference_strength = random(), time_spent_seconds = 1 + random() * 30,
        session_id = coalesce(session_id, (select r.id from public.swipe_sessions as r where r.user_id = {SWIPES}.user_id limit 1));
    update public.products set brand = (array['Acme', 'Bolts'])[1 + abs(hashtext(id::text) % 2)];
    update {SWIPES} as s set swipe_direction = case p.brand when 'Acme' then 'right' else 'left' end
    from public.products as p where p.id = s.product_id and random() < 0.7 and swipe_direction <> 'up';
    create temporary table again as select f.* from {FEEDBACK} as f, generate_series(1, 3);
    update again set id = gen_random_uuid(),
        product_id = (select id from public.products where id::text > again.id::text order by id limit 1);
    insert into {FEEDBACK} select * from again where product_id is not null;
    update {FEEDBACK} set feedback_value = round((random() * 1.8 - 0.9)::numeric, 1) + 0.05,
        training_weight = 0.5 + random(), feedback_tags = null,
        feedback_type = (array['explicit', 'implicit'])[ceil(random() * 2)]
"""


@template("small_demo")
def adjusted_demo(server: EmbeddedServer, name: str) -> None:
    """Some of the people have adjusted all that may be adjusted."""
    db = Database(server.url(name))
    with db.psycopg() as pg:
        pg.execute("delete from pipeline.taste_models")
        pg.execute("delete from pipeline.taste_items")
    admin = Database(server.url(name, "postgres"))
    with admin.psycopg() as pg:
        pg.execute(RICHER)
    admin.close()
    preferences.train(db)
    with db.psycopg() as pg:
        pg.execute("update pipeline.taste_models set status = 'accepted'")
    preferences.recalculate(db, full=True)
    with db.psycopg() as pg:
        pg.execute(
            """update public.user_preferences set
                category_preferences = (select jsonb_object_agg(key, 0.9) from jsonb_each(category_preferences)),
                brand_scores = (select jsonb_object_agg(key, 0.1) from jsonb_each(brand_scores)),
                style_scores = (select jsonb_object_agg(key, 0.2) from jsonb_each(style_scores)),
                colour_preferences = '{"red": 0.9}', occasion_preferences = '{"birthday": 0.9}', recipient_preferences = '{"friend": 0.9}',
                price_range = '{"min": 10, "sweet_spot": 21, "max": 32}', price_sensitivity = 0.33, similarity_threshold = 0.42,
                adjusted_at = clock_timestamp(),
                liked_brands = liked_brands || '{Acme}'::text[], disliked_brands = disliked_brands || '{Bolts}'::text[]
            where hashtext(user_id::text) % 3 = 0"""
        )
    preferences.recalculate(db)
    db.close()


class Calculation:
    """What is computed in a copy of a database."""

    def __init__(self, server: EmbeddedServer, of: str, run: Callable[[Database], object], results: list[str]) -> None:
        self._server, self._of, self._run, self._results = server, of, run, results
        self._same, self._before = self._result([])

    def _result(self, statements: list[sql.Composable | str]) -> tuple[Digests, Digests]:
        """What is read, after the statements, and what came out of it."""
        with copy_of(self._server, self._of) as db:
            admin = Database(self._server.url(db.name, "postgres"))
            for statement in statements:
                with (db if isinstance(statement, sql.Composable) else admin).psycopg() as pg:
                    pg.execute(statement)
            admin.close()
            with db.psycopg() as pg:
                read = digests(pg, [SIGNALS])
            self._run(db)
            with db.psycopg() as pg:
                return read, digests(pg, self._results)

    def tried(self, edges: set[Edge], seen: set[Edge]) -> set[Edge]:
        undeclared: set[Edge] = set()
        for source in sorted({source for source, _ in edges}):
            left, looked = {edge for edge in edges if edge[0] == source}, False
            for change in self._changes(source):
                if left <= seen:
                    break
                try:
                    read, after = self._result([change])
                except (psycopg.errors.DataError, psycopg.errors.IntegrityError):
                    continue  # no value that it may have
                looked = True
                moved = {place for place in after if after[place] != self._before[place] and place[0] != source[0]}
                seen |= {(source, to) for to in moved} & left
                also = {place for place in read if read[place] != self._same[place]}
                undeclared |= {(source, to) for to in moved - rests_on(source, *also)}
            assert looked, source
        return undeclared

    def _changes(self, source: Place) -> list[sql.Composable | str]:
        if source in RECIPES:
            return list(RECIPES[source])
        key, column = source
        with copy_of(self._server, self._of) as db, db.psycopg() as pg:
            types = types_of(pg, key)
        is_written = CATALOG.tables[key].kind != "view"
        moved = ["v || 'x'::text"] if types[column] == "text[]" else MOVED.get(types[column], [])[:1]
        changes = [*moved, *CHANGES[:2]]
        return [perturbed(types, key, {column: change}, "true", is_written=is_written) for change in changes]


@pytest.mark.slow
@pytest.mark.database
def test_what_a_profile_is_said_to_rest_on_is_what_moves_it(server: EmbeddedServer, databases: Databases) -> None:
    databases.copy("adjusted_demo")
    results = ["public.user_preferences", "pipeline.profile_fingerprints"]
    edges = {edge for edge in ALL if edge[1][0] in results}
    seen: set[Edge] = set()
    calculation = Calculation(server, "adjusted_demo", lambda db: preferences.recalculate(db, full=True), results)
    undeclared = calculation.tried(edges, seen)
    report("of profiles", results, seen, edges)
    assert undeclared == set()
    assert len(seen) >= 0.95 * len(edges)
