"""Deleting an account clears the rows that it leaves, in its own transaction; what it cannot reach it notes."""

import uuid
from typing import Any

import pytest

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database, Pg, driver
from tests.oracles.facts import AGENTS

pytestmark = pytest.mark.database
CATALOG = Catalog.load()
TABLES = ("affiliate_clicks", "session_analytics", "product_views")
ANN, BEN, MUG = (uuid.UUID(int=n) for n in (1, 2, 3))

CLICK = """
insert into public.affiliate_clicks (user_id, anonymous_id, product_id, session_id, source_page, affiliate_network, affiliate_url,
    user_agent, order_id, created_at, ip_address, referrer_url, utm_source)
values (%s, %s, %s, %s, 'search', 'awin', 'https://shop.example/dp/1?clickref=secret', %s, %s, %s, '10.0.0.1', 'secret', 'mail')
"""


def people(pg: Pg, *ids: uuid.UUID) -> None:
    pg.cursor().executemany("insert into auth.users (id, created_at) values (%s, now())", [(one,) for one in ids])
    pg.execute(
        "insert into public.products (id, title, currency) values (%s, 'Mug', 'GBP') on conflict do nothing", [MUG]
    )


def click(
    pg: Pg,
    user: Any,
    visitor: Any,
    session: str,
    agent: Any = "Mozilla/5.0",
    order: Any = None,
    at: Any = "now",
) -> None:
    pg.execute(CLICK, [user, visitor, MUG, session, agent, order, at])


def test_a_deleted_account_leaves_nothing_of_the_person_and_every_published_dimension(deployed_db: Database) -> None:
    with deployed_db.psycopg() as pg:
        people(pg, ANN)
        click(pg, ANN, "browser", "visit", order="order")
        pg.execute(
            """insert into public.session_analytics (session_id, user_id, anonymous_id, landing_page, exit_page, page_sequence, browser,
                   city, operating_system, screen_resolution, country_code, timezone, referrer_url, utm_source, utm_content, utm_term)
               values ('visit', %s, 'browser', 'https://gifts.example/gifts?for=secret', 'secret', '{secret}', 'secret', 'secret',
                   'secret', 'secret', 'secret', 'secret', 'secret', 'mail', 'secret', 'secret')""",
            [ANN],
        )
        pg.execute(
            """insert into public.product_views (user_id, product_id, session_id, search_query, filter_criteria, viewport_size, view_source)
               values (%s, %s, 'visit', 'secret', '{"secret": 1}', 'secret', 'search')""",
            [ANN, MUG],
        )
        pg.execute("delete from auth.users where id = %s", [ANN])
        [clicked] = pg.execute("select to_jsonb(c) from public.affiliate_clicks c").fetchall()
        [session] = pg.execute("select to_jsonb(s) from public.session_analytics s").fetchall()
        [view] = pg.execute("select to_jsonb(v) from public.product_views v").fetchall()
        for (row,) in (clicked, session, view):
            assert "secret" not in str(row)
            assert "browser" not in row.values()
            assert "visit" not in row.values()
        assert clicked[0]["anonymous_id"] == session[0]["anonymous_id"], "one token a person"
        assert clicked[0]["anonymous_id"].startswith("erased:")
        assert clicked[0]["session_id"] == session[0]["session_id"] == view[0]["session_id"], (
            "events stay with their session"
        )
        names = ("user_agent", "affiliate_url", "source_page", "utm_source", "order_id")
        assert [clicked[0][name] for name in names] == ["erased", "https://shop.example", "search", "mail", "order"]
        assert (session[0]["landing_page"], session[0]["utm_source"]) == ("/gifts", "mail")
        noted = pg.execute("select distinct anonymous_id, session_id from pipeline.erasures order by 1").fetchall()
        assert noted == [("browser", "visit"), (None, "visit")]


def test_an_erased_agent_says_whether_it_was_a_machines_by_the_rule_that_clicks_are_judged_by(
    deployed_db: Database,
) -> None:
    with deployed_db.psycopg() as pg:
        people(pg, ANN)
        for n, agent in enumerate(AGENTS):
            click(pg, ANN, None, f"s{n}", agent)
        judged = "select count(*) filter (where machine_pattern is not null), count(*) from staging.clicks"
        before = pg.execute(judged).fetchall()
        pg.execute("delete from auth.users")
        assert pg.execute(judged).fetchall() == before == [(sum(AGENTS.values()), len(AGENTS))]
        said = pg.execute("select distinct user_agent from public.affiliate_clicks order by 1").fetchall()
        assert said == [("erased",), ("erased bot",), (None,)]


def test_an_account_can_be_deleted_whatever_became_of_the_notes_and_the_patterns(deployed_db: Database) -> None:
    with deployed_db.psycopg() as pg:
        people(pg, ANN, BEN)
        click(pg, ANN, "a", "s1")
        click(pg, BEN, "b", "s2")
        pg.execute("drop table pipeline.erasures; drop view staging.machine_patterns cascade")
        pg.execute("delete from auth.users")
        assert pg.execute("select distinct user_agent, ip_address from public.affiliate_clicks").fetchall() == [
            ("erased", None)
        ]


def test_what_the_trigger_clears_is_what_is_tagged(deployed_db: Database) -> None:
    """Of a column that is tagged and is not cleared, or the other way round, somebody would have to know by heart."""
    instead = {"user_id", "anonymous_id", "session_id", "user_agent", "affiliate_url", "order_id"}
    with deployed_db.psycopg() as pg:
        for table in TABLES:
            said = pg.execute(
                "select pg_get_triggerdef(oid) from pg_trigger where tgname = %s", [f"{table}_erase"]
            ).fetchone()
            assert said is not None
            arguments = said[0].rpartition("(")[2].rstrip(")").replace("'", "").split(", ")
            tagged = {column.name for column in CATALOG.table(f"public.{table}").columns if column.pii}
            assert set(arguments) == tagged - instead


def test_deleting_many_accounts_is_linear(deployed_db: Database) -> None:
    """No row reads the notes of all others, also where there were none, and the server knew, when the trigger's plan was made."""
    with deployed_db.autocommit() as connection:
        pg = driver(connection)
        pg.execute("vacuum pipeline.erasures")
        pg.execute(
            "insert into auth.users (id, created_at) select gen_random_uuid(), now() from generate_series(1, 500)"
        )
        pg.execute(
            """insert into public.affiliate_clicks (user_id, anonymous_id, session_id, source_page, affiliate_network, affiliate_url)
               select id, id::text, id::text, 'search', 'awin', 'https://shop.example' from auth.users"""
        )
        with pg.transaction():
            pg.execute("delete from auth.users")
            read = pg.execute(
                "select seq_tup_read, idx_scan > 0 from pg_stat_xact_user_tables where relid = 'pipeline.erasures'::regclass"
            )
            assert read.fetchall() == [(0, True)]
