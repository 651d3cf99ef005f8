"""The census sees whatever somebody changed, exactly there, and nothing else; it is the same on every server."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from aclue_pipeline.errors import AlreadyRunning
from aclue_pipeline.postgres import Database, Pg, app
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema import census, declared
from aclue_pipeline.schema.census import KINDS, Census, Key
from tests.conftest import Databases

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def connection(server: EmbeddedServer, standing: Database) -> Iterator[Pg]:
    """The superuser on a deployed database."""
    with psycopg.connect(server.url(standing.name, SUPERUSER)) as connection:
        yield connection


@pytest.fixture
def pg(connection: Pg) -> Iterator[Pg]:
    """Rolled back after each test: a changed role keeps every other set-up on the server waiting until then."""
    yield connection
    connection.rollback()


@pytest.fixture(scope="module")
def before(connection: Pg) -> Census:
    taken = take(connection)
    connection.rollback()
    return taken


def take(pg: Pg) -> Census:
    return census.take(pg, declared.declared().tables, declared.declared().functions)


def differing(one: Census, other: Census) -> set[str]:
    keys = one.things.keys() | other.things.keys()
    return {
        str(key)
        for key in keys
        if key not in one.things or key not in other.things or one.things[key].facts != other.things[key].facts
    }


class Mutation(NamedTuple):
    version: int
    keys: str
    statements: str

    def __str__(self) -> str:
        return " ".join(self.statements.split())[:90]


def mutations() -> list[Mutation]:
    """The blocks of mutations.sql below its header."""
    found = []
    for block in (Path(__file__).parent / "mutations.sql").read_text().split("\n\n")[1:]:
        lines = block.splitlines()
        said = " ".join(line.removeprefix("-- ") for line in lines if line.startswith("-- "))
        version, _, keys = said.rpartition(": ")
        found.append(Mutation(int(version or 0), keys, "\n".join(line for line in lines if not line.startswith("-- "))))
    return found


@lru_cache
def functions() -> dict[str, str]:
    """Signature by what mutations.sql calls it."""
    names = [thing.key.name for thing in declared.declared().of("function")]
    return {word: next(name for name in names if word in name) for word in ("fill_in", "touch", "recommended")}


@pytest.mark.parametrize("mutation", mutations(), ids=str)
def test_a_change_by_hand_shows_at_its_place_and_nowhere_else(pg: Pg, before: Census, mutation: Mutation) -> None:
    if pg.info.server_version < mutation.version * 10_000:
        pytest.skip(f"for PostgreSQL {mutation.version} and newer")
    pg.rollback()
    pg.execute("set local search_path = public")
    pg.execute(mutation.statements.format(**functions()))
    keys = mutation.keys.format(**functions()).split("; ")
    assert differing(before, take(pg)) == set(keys) - {"nothing"}


def test_another_thing_under_a_tables_name_is_found(pg: Pg) -> None:
    table = Key("table", "user_preferences", "")
    for statement, relkind in {
        "create view public.user_preferences as select 1 as x": "v",
        "create sequence public.user_preferences": "S",
        "create type public.user_preferences as enum ()": "type",
    }.items():
        pg.execute("drop table public.user_preferences cascade")
        pg.execute(statement)
        found = take(pg)
        pg.rollback()
        assert found.things[table].facts == {"relkind": relkind}
        assert [key for key in found.things if key.table == table.table] == [table]


def test_who_reads_our_rows_past_our_policies_is_named(pg: Pg) -> None:
    def readers(statement: str) -> list[tuple[str, Any]]:
        pg.rollback()
        pg.execute(f"set local search_path = public; {statement}")
        return [(thing.key.kind, thing.facts["readable_by"]) for thing in take(pg).of("reader", "child", "parent")]

    child = "create table extra () inherits (product_views);"
    assert readers(child) == [("child", [])]
    assert readers(f"{child} grant select on extra to anon") == [("child", ["anon"])]
    assert readers(f"{child} grant select (id) on extra to public") == [("child", ["PUBLIC"])]
    guarded = f"{child} grant select on extra to anon, service_role; alter table extra enable row level security;"
    assert readers(guarded) == [("child", [])]
    assert readers(f"{guarded} create policy extra on extra using (true)") == [("child", ["anon"])]
    view = "create view extra as select * from product_views; revoke all on extra from public;"
    assert readers(f"{view} grant select on extra to anon, authenticated") == [("reader", ["anon", "authenticated"])]
    assert readers(f"{view} grant select on extra to service_role, postgres") == [], "no policy binds them anyway"
    parent = "create table extra (id uuid); grant select on extra to anon; alter table product_views inherit extra"
    assert readers(parent) == [("parent", ["anon"])]
    pg.rollback()


def test_a_vacuum_and_an_index_built_anew_do_not_show(pg: Pg, before: Census) -> None:
    pg.rollback()
    pg.autocommit = True
    for statement in ("vacuum full public.product_views", "reindex table concurrently public.product_views"):
        pg.execute(statement)
    pg.autocommit = False
    assert differing(before, take(pg)) == set()


def test_every_kind_is_among_the_changes() -> None:
    shown = [key for mutation in mutations() for key in mutation.keys.split("; ")]
    unseen = {kind.NAME for kind in KINDS if not any(key.startswith(kind.NAME + " ") for key in shown)}
    assert unseen == {"table"}, "add a statement to tests/schema/mutations.sql"


@pytest.mark.parametrize("shape", ["a", "b"])
@pytest.mark.parametrize("default_grants", [True, False])
def test_a_fresh_deployment_is_what_is_declared(databases: Databases, shape: app.Shape, default_grants: bool) -> None:
    database = databases.copy("supabase")
    app.install(databases.admin(database).url, shape, default_grants)
    assert as_text(declared.fresh(database)) == as_text(declared.declared())


def test_what_deploy_makes_is_what_is_declared(standing: Database) -> None:
    with standing.psycopg() as connection:
        found = take(connection)
    assert differing(found, declared.declared().owned_by("postgres")) == set()
    assert census.fingerprint(found) == census.fingerprint(declared.declared().owned_by("postgres"))
    assert [key for key in found.things if key.table] == [key for key in declared.declared().things if key.table]


def test_declared_json_is_of_the_scripts_as_they_stand() -> None:
    assert not declared.outdated()


def test_a_fingerprint_follows_the_facts(pg: Pg, before: Census) -> None:
    pg.execute("insert into auth.users (id) values (gen_random_uuid())")
    pg.execute("insert into public.user_preferences (user_id) select id from auth.users")
    assert census.fingerprint(take(pg)) == census.fingerprint(before)
    pg.execute("grant select on public.product_views to anon")
    assert census.fingerprint(take(pg)) != census.fingerprint(before)
    pg.rollback()


def test_a_role_that_may_do_nothing_sees_the_same_read_only_and_unnoticed(pg: Pg, before: Census) -> None:
    pg.execute("set transaction read only")
    pg.execute("set local role anon; set local search_path = auth, public; set local intervalstyle = iso_8601")
    found = take(pg)
    assert pg.execute("select current_setting('search_path'), current_setting('intervalstyle')").fetchone() == (
        "auth, public",
        "iso_8601",
    )
    assert differing(found, before) == set()
    assert {thing.notes["has_rows"] for thing in found.of("table")} == {None}, "it may not look"
    assert {thing.notes["has_rows"] for thing in before.of("table")} == {False}
    pg.rollback()


def test_a_table_that_is_being_altered_is_named(
    pg: Pg, standing: Database, before: Census, monkeypatch: pytest.MonkeyPatch
) -> None:
    pg.rollback()
    monkeypatch.setattr(census, "PATIENCE", "50ms")
    with psycopg.connect(standing.url) as other:
        other.execute("lock table public.product_views in access exclusive mode")
        with pytest.raises(AlreadyRunning, match=rf"product_views is locked by pid {other.info.backend_pid}"):
            take(pg)
    assert differing(before, take(pg)) == set()
    pg.rollback()


def test_what_is_derived_from_the_tables_is_no_part_of_them(deployed_db: Database) -> None:
    with deployed_db.psycopg() as connection:
        assert differing(take(connection), declared.declared().owned_by("postgres")) == set()


def test_nothing_deployed_is_a_census_too(app_db: Database) -> None:
    with app_db.psycopg() as connection:
        assert not take(connection).things


def test_things_need_what_must_be_there_first(before: Census) -> None:
    assert all(need in before.things for thing in before.things.values() for need in thing.needs)

    def needs(kind: str, name: str) -> set[str]:
        (thing,) = (one for one in before.things.values() if str(one.key) == f"{kind} {name}")
        return {str(need) for need in thing.needs}

    words = functions()
    assert needs("policy", "recommendation_feedback.recommendation_feedback_insert_own") >= {
        "table recommendation_feedback",
        "column recommendation_feedback.user_id",
        f"function {words['recommended']}",
    }
    assert needs("index", "product_views.idx_product_views_session") == {
        "table product_views",
        "column product_views.product_id",
        "column product_views.session_id",
    }
    assert needs("trigger", "user_preferences.user_preferences_touch_updated_at") == {
        "table user_preferences",
        f"function {words['touch']}",
    }
    assert "column user_preferences.price_range" in needs("grant", "user_preferences.authenticated")
    assert needs("grant", f"{words['recommended']} to authenticated") == {f"function {words['recommended']}"}
    assert needs("constraint", "product_views.product_views_pkey") == {
        "table product_views",
        "column product_views.id",
    }
    assert needs("comment", "product_views.index product_views_pkey") == {
        "table product_views",
        "constraint product_views.product_views_pkey",
    }


def test_a_census_survives_being_written_down(before: Census) -> None:
    text = census.as_json(before)
    assert census.of_json(json.loads(text)) == before
    assert text.count("\n") == len(before.things) + 1


def as_text(one: Census) -> list[str]:
    return census.as_json(one).splitlines()
