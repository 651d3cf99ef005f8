"""The job that clears: what ownerless rows still say of erased people, and what is older than it may be. No number moves."""

from collections import defaultdict
from typing import Any

import pytest

from aclue_pipeline import derived
from aclue_pipeline.derived import erasure
from aclue_pipeline.postgres import Database, Pg
from tests.erasure.test_trigger import ANN, BEN, CATALOG, MUG, click, people
from tests.oracles.facts import AGENTS

pytestmark = pytest.mark.database
FACTS = """
select (select jsonb_agg(to_jsonb(f) - array['changed_at', 'source_updated_at'] order by f.click_id) from staging.click_facts f),
       (select jsonb_agg(to_jsonb(s) - array['changed_at'] order by s.session_number) from staging.session_facts s),
       (select jsonb_agg(to_jsonb(p) order by p.person_number) from staging.person_facts p)"""


def session(pg: Pg, name: str, user: Any, visitor: Any) -> None:
    pg.execute(
        "insert into public.session_analytics (session_id, user_id, anonymous_id, landing_page, city) values (%s, %s, %s, '/', 'Leeds')",
        [name, user, visitor],
    )


def view(pg: Pg, name: str, user: Any) -> None:
    pg.execute(
        """insert into public.product_views (session_id, user_id, product_id, search_query, interaction_type, view_source, view_position)
           values (%s, %s, %s, 'for ann', 'detail_view', 'search', 1)""",
        [name, user, MUG],
    )


@pytest.fixture
def visited(deployed_db: Database) -> Database:
    """Ann came without account, signed in and clicked; somebody else came, too."""
    with deployed_db.psycopg() as pg:
        people(pg, ANN, BEN)
        click(pg, None, "hers", "before", "Googlebot/2.1")
        click(pg, None, "hers", "before")
        click(pg, None, None, "during")
        view(pg, "before", None)
        view(pg, "during", None)
        session(pg, "during", ANN, "hers")
        click(pg, ANN, "hers", "during", order="order")
        view(pg, "during", ANN)
        click(pg, None, "another", "elsewhere")
    return deployed_db


def found(pg: Pg, words: list[str]) -> dict[str, set[str]]:
    """By word, the columns in which it stands, of any table of any schema but the server's own."""
    where = defaultdict(set)
    tables = pg.execute(
        """select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""
    ).fetchall()
    for (table,) in tables:
        asked = f"""select distinct w, e.key from {table} t cross join jsonb_each_text(to_jsonb(t)) e
                    join unnest(%s::text[]) w on strpos(e.value, w) > 0"""
        for word, column in pg.execute(asked, [words]).fetchall():
            where[word].add(f"{table}.{column}")
    return where


def everywhere(pg: Pg, *words: str) -> set[str]:
    return set().union(*found(pg, list(words)).values())


def known(db: Database) -> Any:
    with db.psycopg() as pg:
        return pg.execute(FACTS).fetchall()


@pytest.mark.parametrize("synced", [True, False], ids=["synced before", "never synced before"])
def test_what_ownerless_rows_say_of_an_erased_person_is_cleared_and_nothing_counts_otherwise(
    visited: Database, synced: bool
) -> None:
    whole = known_if_nobody_goes(visited)
    if synced:
        # By a browser that both signed in from, which only a sync of before knows to be nobody's.
        with visited.psycopg() as pg:
            click(pg, ANN, "shared", "at home")
            click(pg, BEN, "shared", "at home too")
            click(pg, None, "shared", "at home still")
        derived.sync(visited, CATALOG)
        before = known(visited)
    with visited.psycopg() as pg:
        pg.execute("delete from auth.users where id = %s", [ANN])
    if synced:
        assert derived.sync(visited, CATALOG).clicks == 0
    done = erasure.clear(visited, CATALOG)
    assert (done["public.affiliate_clicks"], done["public.product_views"]) == (3, 2)
    synced_again = derived.sync(visited, CATALOG, full=True)
    if synced:
        assert (synced_again.clicks, synced_again.sessions, synced_again.gone) == (0, 0, 0)
        assert known(visited) == before
    else:
        assert sizes(visited) == whole
    with visited.psycopg() as pg:
        assert everywhere(pg, str(ANN), "hers", "before", "during", "for ann") == set()
        assert everywhere(pg, "another", "elsewhere") >= {"public.affiliate_clicks.anonymous_id"}, (
            "what is looked for is found"
        )
        assert pg.execute("select count(*) from pipeline.erasures").fetchall() == [(0,)]
        kept = pg.execute(
            "select count(*) from public.affiliate_clicks where anonymous_id = 'shared' and user_agent <> 'erased'"
        ).fetchall()
        assert kept == [(2 * synced,)], "a browser that another signed in from is that one's as much"
    assert not any(erasure.clear(visited, CATALOG).values())


def known_if_nobody_goes(db: Database) -> Any:
    """People, sessions and verdicts, had nobody been erased; forgotten again."""
    derived.sync(db, CATALOG)
    found = sizes(db)
    with db.psycopg() as pg:
        pg.execute(
            """truncate staging.click_facts, staging.session_facts, staging.person_facts, staging.product_facts, pipeline.person_numbers,
                   pipeline.session_numbers, pipeline.syncs, pipeline.source_days, pipeline.dirty"""
        )
    return found


def sizes(db: Database) -> Any:
    with db.psycopg() as pg:
        return pg.execute(
            """with of_each as (
                   select count(click_id) as clicks, count(session_number) as sessions from (
                       select person_number, click_id, null::bigint as session_number from staging.click_facts
                       union all select person_number, null, session_number from staging.session_facts
                   ) e where person_number is not null group by person_number
               )
               select (select array_agg(f.verdict order by f.verdict) from staging.click_facts f),
                      (select array_agg((p.clicks, p.sessions)::text order by p.clicks, p.sessions) from of_each p),
                      (select array_agg(p.first_here_at order by p.first_here_at) from staging.person_facts p),
                      (select count(*) from staging.session_facts), (select count(distinct session_number) from staging.click_facts),
                      (select count(*) from staging.views v where v.session_number is null)"""
        ).fetchall()


def test_addresses_and_browsers_of_visitors_go_with_time_and_machines_stay_machines(deployed_db: Database) -> None:
    with deployed_db.psycopg() as pg:
        people(pg, ANN)
        for n, agent in enumerate(AGENTS):
            click(pg, None, f"v{n}", f"s{n}", agent, at="2026-01-01")
        click(pg, None, "new", "s", at="now")
        click(pg, ANN, "hers", "t", at="2026-01-01")
    derived.sync(deployed_db, CATALOG)
    before = known(deployed_db)
    assert erasure.clear(deployed_db, CATALOG)["public.affiliate_clicks"] == len(AGENTS)
    assert derived.sync(deployed_db, CATALOG, full=True).clicks == 0
    assert known(deployed_db) == before
    with deployed_db.psycopg() as pg:
        kept = pg.execute(
            "select anonymous_id from public.affiliate_clicks where ip_address is not null order by 1"
        ).fetchall()
        assert kept == [("hers",), ("new",)]
        bots = pg.execute("select count(*) from public.affiliate_clicks where user_agent = 'erased bot'").fetchall()
        assert bots == [(sum(AGENTS.values()),)]


@pytest.mark.parametrize("visitor", [None, "hers"])
def test_a_browser_that_goes_on_after_its_account_stops_neither_the_next_erasure_nor_the_clearing(
    deployed_db: Database, visitor: str | None
) -> None:
    with deployed_db.psycopg() as pg:
        people(pg, ANN, BEN)
        session(pg, "laptop", ANN, visitor)
        pg.execute("delete from auth.users where id = %s", [ANN])
        session(pg, "laptop", BEN, visitor)
        pg.execute("delete from auth.users where id = %s", [BEN])
        session(pg, "laptop", None, visitor)
    erasure.clear(deployed_db, CATALOG)
    derived.sync(deployed_db, CATALOG)
    with deployed_db.psycopg() as pg:
        assert everywhere(pg, "laptop") == set()
