"""All that is held of one person: given out, and deleted, whatever became of the account and of the tables."""

import json
import uuid

import pytest
from click.testing import CliRunner

from aclue_pipeline import derived, schema
from aclue_pipeline.cli import aclue
from aclue_pipeline.derived import person
from aclue_pipeline.errors import MissingPrerequisite, NothingFound
from aclue_pipeline.postgres import Database
from tests.erasure.test_clearing import Pg, everywhere, known, session, view, visited
from tests.erasure.test_trigger import ANN, BEN, CATALOG, MUG, click, people

pytestmark = pytest.mark.database
__all__ = ["visited"]


def swipe(pg: Pg, user: uuid.UUID) -> None:
    pg.execute(
        """with r as (
               insert into public.swipe_sessions (user_id, recipient_relationship) values (%(user)s, 'sister of Ann') returning id
           )
           insert into public.swipe_interactions (session_id, user_id, product_id, swipe_direction)
           select id, %(user)s, %(mug)s, 'right' from r""",
        {"user": user, "mug": MUG},
    )


def test_what_is_held_of_a_person_is_given_out_and_nothing_of_others(visited: Database) -> None:
    with visited.psycopg() as pg:
        swipe(pg, ANN)
        swipe(pg, BEN)
    derived.sync(visited, CATALOG)
    held = person.export(visited, CATALOG, ANN)
    assert {key: len(rows) for key, rows in held.items()} == {
        "auth.users": 1,
        "public.affiliate_clicks": 3,
        "public.product_views": 1,
        "public.session_analytics": 1,
        "public.swipe_interactions": 1,
        "public.swipe_sessions": 1,
        "pipeline.person_numbers": 2,
        "staging.click_facts": 3,
        "staging.session_facts": 2,
    }
    assert str(BEN) not in str(held)
    with pytest.raises(NothingFound):
        person.export(visited, CATALOG, uuid.uuid4())


@pytest.mark.parametrize("account", ["stands", "is gone", "went before there was a trigger"])
def test_nothing_is_left_of_an_erased_person_whatever_became_of_the_account(visited: Database, account: str) -> None:
    with visited.psycopg() as pg:
        swipe(pg, ANN)
        click(pg, None, "his", "his")
    derived.sync(visited, CATALOG)
    before = known(visited)
    with visited.psycopg() as pg:
        pg.execute("delete from auth.users where id = %s", [BEN])  # nor is anything of his counted as another's
        noted = "insert into pipeline.erasures (user_id, names, anonymous_id, session_id, token) values (%s, '', 'his', 'his', 'erased:b')"
        pg.execute(noted, [BEN])
    assert person.erase(visited, CATALOG, uuid.uuid4()) == {}
    with visited.psycopg() as pg:
        assert "public.affiliate_clicks.anonymous_id" not in everywhere(pg, "his")
        if account.startswith("went"):
            for table in ("affiliate_clicks", "session_analytics", "product_views"):
                pg.execute(f"drop trigger {table}_erase on public.{table}")
        if account != "stands":
            pg.execute("delete from auth.users where id = %s", [ANN])
    done = person.erase(visited, CATALOG, ANN)
    assert done["public.affiliate_clicks"] >= 3
    with visited.psycopg() as pg:
        left = everywhere(pg, str(ANN), "hers", "sister")
        assert left == set()
        if account == "stands":
            assert everywhere(pg, "before", "during") == set()
    assert derived.sync(visited, CATALOG, full=True).clicks == 0
    assert known(visited) == before
    with pytest.raises(NothingFound):
        person.export(visited, CATALOG, ANN)
    assert person.erase(visited, CATALOG, ANN) == {}


@pytest.mark.parametrize("by", ["the account's deletion", "aclue erase"])
def test_retired_tables_are_reached_too(visited: Database, by: str) -> None:
    schema.rollback(visited, allow=[])
    schema.deploy(visited)
    with visited.psycopg() as pg:
        click(pg, ANN, "hers too", "now")
        view(pg, "now", None)
        session(pg, "now", ANN, "hers too")
    assert person.export(visited, CATALOG, ANN).keys() >= {
        "aclue_retired_1.affiliate_clicks",
        "public.affiliate_clicks",
    }
    if by == "aclue erase":
        assert person.erase(visited, CATALOG, ANN)["aclue_retired_1.affiliate_clicks"] >= 1
    else:
        with visited.psycopg() as pg:
            pg.execute("delete from auth.users where id = %s", [ANN])
        derived.erasure.clear(visited, CATALOG)
    with visited.psycopg() as pg:
        assert everywhere(pg, str(ANN), "hers", "during", "before") == set()


@pytest.mark.slow
def test_the_commands_say_what_they_did_table_by_table(visited: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from aclue_pipeline.settings import get_settings

    monkeypatch.setenv("ACLUE_DATABASE_URL", visited.url)
    get_settings.cache_clear()
    held = CliRunner().invoke(aclue, ["export", str(ANN)], catch_exceptions=False)
    assert json.loads(held.output)["public.session_analytics"][0]["city"] == "Leeds"
    done = CliRunner().invoke(aclue, ["erase", str(ANN), "--yes"], catch_exceptions=False)
    assert "public.affiliate_clicks: 4" in done.output.splitlines()
    again = CliRunner().invoke(aclue, ["erase", str(ANN), "--yes"], catch_exceptions=False)
    assert again.output == f"nothing was held of a user {ANN}\n"


def test_where_no_profile_was_computed_yet_an_account_is_erased_all_the_same(app_db: Database) -> None:
    schema.deploy(app_db)
    with app_db.psycopg() as pg:
        people(pg, ANN)
    assert person.erase(app_db, CATALOG, ANN) == {"auth.users": 1}
    assert not any(derived.erasure.clear(app_db, CATALOG).values())


def test_a_database_that_could_hold_nobody_is_not_said_to_hold_nothing(empty_db: Database) -> None:
    with pytest.raises(MissingPrerequisite, match="is it the app's database"):
        person.export(empty_db, CATALOG, ANN)
