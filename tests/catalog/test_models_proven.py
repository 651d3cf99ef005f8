"""What the headers of taste models, of what they say of products and of how good they are declare, proven by experiment as those of
profiles are: a column is perturbed in a copy, a model is trained and judged. What stands in for a refused one is left out: it comes with
the verdict, rows and all. The verdict itself need not be seen to turn, which it does on its edge only."""

import pytest

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.catalog.test_headers_proven import ALL, Edge, report
from tests.catalog.test_profiles_proven import ITEMS, MODELS, RICHER, SWIPES, Calculation, small_demo
from tests.conftest import Databases, template

__all__ = ["small_demo"]

QUALITY = "analytics.preference_quality"
#: Judgements enough for all that is learned, and for blocks of the calendar. Brands tell a little, so that a verdict may turn.
MORE = f"""
    insert into {SWIPES} (id, user_id, product_id, session_id, swipe_direction, swipe_timestamp, time_spent_seconds, preference_strength)
    select md5(concat(u.user_id, p.id))::uuid, u.user_id, p.id,
        (select r.id from public.swipe_sessions as r where r.user_id = u.user_id order by md5(concat(r.id, p.id)) limit 1),
        case when random() < 0.1 then 'down' when random() < 0.15 then 'up'
            when random() < case p.brand when 'Acme' then 0.67 else 0.33 end then 'right' else 'left' end,
        now() - random() * interval '60 days', 1 + random() * 30, random()
    from (select distinct user_id from {SWIPES} where user_id is not null order by user_id) as u, public.products as p
    where hashtext(concat(u.user_id, p.id)) % 4 = 0
"""


@template("small_demo")
def judged_demo(server: EmbeddedServer, name: str) -> None:
    admin = Database(server.url(name, "postgres"))
    with admin.psycopg() as pg:
        pg.execute(f"{RICHER}; {MORE}")
    admin.close()


def trained(db: Database) -> None:
    with db.psycopg() as pg:
        pg.execute(f"truncate {MODELS}, {ITEMS}, {QUALITY}")
    version = preferences.train(db).version
    preferences.evaluate(db)
    with db.psycopg() as pg:
        for table, column in (MODELS, "version"), (ITEMS, "model_version"), (QUALITY, "model_version"):
            pg.execute(f"delete from {table} where {column} <> %s", [version])


@pytest.mark.slow
@pytest.mark.database
def test_what_a_model_is_said_to_rest_on_is_what_moves_it(server: EmbeddedServer, databases: Databases) -> None:
    databases.copy("judged_demo")
    results = [MODELS, ITEMS, QUALITY]
    edges = {edge for edge in ALL if edge[1][0] in results and edge[0][0] not in results}
    edges -= {edge for edge in edges if edge[1] == (MODELS, "status")}
    seen: set[Edge] = set()
    undeclared = Calculation(server, "judged_demo", trained, results).tried(edges, seen)
    report("of models", results, seen, edges)
    assert undeclared == set()
    assert len(seen) >= 0.95 * len(edges)
