"""A facet is declared once, in facets.py: what must stand in SQL beside it agrees with the declaration, all else follows from it."""

import subprocess
import sys
from typing import Any

import pytest

from aclue_pipeline.catalog import Column, Source
from aclue_pipeline.derived import erasure
from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences.facets import CONTEXT_KINDS, FACETS, Facet
from aclue_pipeline.preferences.publish import ADJUSTABLE
from aclue_pipeline.preferences.versions import USERS_OF_A_WORD
from tests.preferences.database import profiles_in, stock
from tests.support.catalogs import CATALOG


def columns(key: str) -> dict[str, Column]:
    return {column.name: column for column in CATALOG.tables[key].columns}


@pytest.mark.parametrize("facet", FACETS, ids=lambda facet: facet.name)
def test_tables_lineage_and_docs_know_a_facet_as_it_is_declared(facet: Facet) -> None:
    published = columns("public.user_preferences")[facet.column]
    source = "pipeline.taste_items" if facet.of_item else "pipeline.signals"
    assert facet.name in columns(source)
    assert (source, facet.name) in {(one.table, one.column) for one in published.direct}
    assert ("The user may adjust it." in published.description) == facet.is_adjustable
    if facet.of_item:
        of_item = columns("pipeline.taste_items")[facet.name]
        assert of_item.direct == (Source("pipeline.item_features", facet.name),)


def test_what_the_page_says_a_user_may_adjust_is_what_is_declared() -> None:
    said = {name for name, one in columns("public.user_preferences").items() if "may adjust it" in one.description}
    assert said == set(ADJUSTABLE)


def test_erasure_clears_the_words_of_every_facet_of_rounds_that_fewer_say_than_training_asks_for() -> None:
    assert all(f"('{FACETS[kind].name}', s.{FACETS[kind].name})" in erasure.WORDS for kind in CONTEXT_KINDS)
    assert f"count(distinct s.user_id) >= {USERS_OF_A_WORD}" in erasure.WORDS


@pytest.mark.database
def test_a_user_may_write_what_is_declared_adjustable_and_it_is_noticed(deployed_db: Database) -> None:
    values = {"jsonb": '{"a": 1}', "ARRAY": "{a}", "numeric": "0.3"}
    with deployed_db.psycopg() as pg:
        pg.execute("insert into auth.users (id) values (md5('ann')::uuid)")
        pg.execute("insert into public.user_preferences (user_id) values (md5('ann')::uuid)")
        granted = pg.execute(
            """select column_name, data_type from information_schema.columns
               where table_schema = 'public' and table_name = 'user_preferences' and column_name <> 'user_id'
                   and has_column_privilege('authenticated', 'public.user_preferences', column_name, 'INSERT')
                   and has_column_privilege('authenticated', 'public.user_preferences', column_name, 'UPDATE')"""
        ).fetchall()
        assert {name for name, _ in granted} == set(ADJUSTABLE)
        for name, kind in granted:
            pg.execute("update public.user_preferences set adjusted_at = null")
            pg.execute(
                "select set_config('request.jwt.claims', json_build_object('sub', md5('ann')::uuid)::text, true)"
            )
            pg.execute("set local role authenticated")
            pg.execute(f'update public.user_preferences set "{name}" = %s', [values[kind]])
            pg.execute("reset role")
            assert pg.execute("select adjusted_at is not null from public.user_preferences").fetchone() == (True,), name


_ONE_MORE = """
import sys, types
from importlib.util import find_spec
from pathlib import Path

path = Path(find_spec("aclue_pipeline").submodule_search_locations[0]) / "preferences" / "facets.py"
facets = sys.modules["aclue_pipeline.preferences.facets"] = types.ModuleType("aclue_pipeline.preferences.facets")
more = 'Facet("age", "age_preferences", False, False), Facet("size", "size_scores", True, False),'
exec(path.read_text().replace("\\n)\\nKIND", "\\n    " + more + "\\n)\\nKIND"), vars(facets))

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database

db = Database(sys.argv[1])
preferences.pin(db, preferences.train(db).version)
print(preferences.recalculate(db).users, preferences.recalculate(db, full=True).published.written)
"""

_ITS_VALUES = """
alter table public.user_preferences add column age_preferences jsonb, add column size_scores jsonb;
alter table pipeline.taste_items add column size text;
do $$ begin
    execute format('create or replace view staging.rounds as select r.*, %L || uuid_hash(r.session_id) %% 2 as age from (%s) as r',
        'age ', rtrim(pg_get_viewdef('staging.rounds'::regclass), ';'));
    execute format('create or replace view pipeline.item_features as select f.*, case when f.price > 20 then %L else %L end as size
        from (%s) as f', 'large', 'small', rtrim(pg_get_viewdef('pipeline.item_features'::regclass), ';'));
end $$
"""


@pytest.mark.slow
@pytest.mark.database
def test_one_more_facet_of_products_or_rounds_is_its_entry_and_its_values(deployed_db: Database) -> None:
    stock(deployed_db)
    with deployed_db.psycopg() as pg:
        pg.execute(_ITS_VALUES)
    done = subprocess.run([sys.executable, "-c", _ONE_MORE, deployed_db.url], capture_output=True, text=True)
    assert done.stdout.split() == ["60", "0"], done.stderr
    rows: list[dict[str, Any]] = profiles_in(deployed_db)
    assert {value for row in rows for value in row["size_scores"]} == {"large", "small"}
    assert {value.split()[0] for row in rows for value in row["age_preferences"]} == {"age"}
    assert all(row["ml_features"]["weights"]["size"].keys() == row["size_scores"].keys() for row in rows)
