"""Where a deployment cannot go on, it says in one sentence what is wrong and what to do, and has changed nothing."""

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import (
    AclueError,
    Impossible,
    MissingPrerequisite,
    MissingPrivilege,
    NotAllowed,
    NotOurs,
    ServerTooOld,
    UnknownCatalogue,
)
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.declared import table_names
from tests.support.statements import run
from tests.support.words import allowed

pytestmark = pytest.mark.database


def refused(database: Database, error: type[AclueError], **options: int) -> str:
    """The sentence of a refusal, after making sure that nothing is there."""
    with pytest.raises(error) as caught:
        schema.deploy(database, **options)
    with Database(database.url).begin() as connection:
        assert (
            query(connection, "select relname from pg_class where relname = any(:names)", names=list(table_names()))
            == []
        )
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def as_admin(databases, database: Database, text: str) -> None:
    run(databases.admin(database), text)


def test_without_the_app_there_is_nothing_to_refer_to(empty_db: Database) -> None:
    assert "public.products, public.recommendations are missing" in refused(empty_db, MissingPrerequisite)


@pytest.mark.parametrize(
    ("loss", "named"),
    [
        ("drop table public.products cascade", "public.products"),
        ("drop table public.recommendations", "public.recommendations"),
        ("drop schema auth cascade", "auth.users"),
        ("drop function auth.uid() cascade", "auth.uid()"),
        ("alter table public.products drop constraint products_pkey cascade", "public.products.id"),
        ("alter table public.recommendations drop column user_id cascade", "recommendations.user_id"),
    ],
)
def test_what_is_missing_is_named(databases, app_db: Database, loss: str, named: str) -> None:
    as_admin(databases, app_db, loss)
    assert named in refused(app_db, MissingPrerequisite)


def test_a_catalogue_in_neither_shape(databases, app_db: Database) -> None:
    as_admin(databases, app_db, "alter table public.products drop column price_min")
    assert "price_min" in refused(app_db, UnknownCatalogue)


def test_a_server_that_is_too_old(app_db: Database) -> None:
    assert "must be 99 or newer" in refused(app_db, ServerTooOld, oldest=99)


@pytest.mark.parametrize(
    ("loss", "named"),
    [
        ("alter schema public owner to supabase_admin", "CREATE on schema public"),
        ("revoke references on auth.users from postgres", "REFERENCES on auth.users"),
        ("revoke usage on schema auth from postgres, anon, authenticated, service_role", "USAGE on schema auth"),
    ],
)  # fmt: skip
def test_a_role_that_lacks_a_right(databases, app_db: Database, loss: str, named: str) -> None:
    as_admin(databases, app_db, loss)
    assert named in refused(app_db, MissingPrivilege)


def test_tables_that_belong_to_somebody_else(server: EmbeddedServer, databases, app_db: Database) -> None:
    as_admin(databases, app_db, "create table public.product_views (id uuid)")
    with pytest.raises(MissingPrivilege, match=f"product_views.*{SUPERUSER}"):
        schema.deploy(app_db)


def test_a_missing_extension_is_a_note(app_db: Database) -> None:
    assert any("uuid-ossp" in note for note in schema.deploy(app_db).notes)


def test_what_is_missing_of_a_half_made_deployment_is_named(app_db: Database) -> None:
    assert schema.plan(app_db).missing == table_names()
    schema.deploy(app_db)
    run(app_db, "drop index public.idx_product_views_time; drop table public.user_preferences")
    todo = schema.plan(app_db)
    assert todo.missing == ("user_preferences",)
    assert "index product_views.idx_product_views_time: missing" in map(str, todo.changes)
    assert schema.deploy(app_db).changed
    assert not schema.plan(app_db).changes


# --- what is somebody else's ------------------------------------------------------------------------------------------

SETTINGS = """
create table public.user_preferences (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, theme text not null, locale text, updated_at timestamptz
);
insert into public.user_preferences (user_id, theme) values (gen_random_uuid(), 'dark')
"""


def test_an_apps_own_table_of_that_name_is_refused_with_nothing_changed(app_db: Database) -> None:
    run(app_db, SETTINGS)
    with pytest.raises(NotOurs) as refused:
        schema.deploy(app_db)
    said = str(refused.value)
    assert "public.user_preferences is somebody else's table, nothing was changed" in said
    assert "it demands theme, of which we know nothing" in said
    assert "--adopt user_preferences" in said
    with app_db.begin() as connection:
        assert query(connection, "select theme from public.user_preferences") == [{"theme": "dark"}]
        untouched = "select to_regclass('public.product_views') is null and to_regnamespace('pipeline') is null as so"
        assert query(connection, untouched) == [{"so": True}]


def test_a_person_may_take_a_table_for_ours(app_db: Database) -> None:
    run(app_db, SETTINGS)
    with pytest.raises(Impossible, match=r"user_preferences"):
        schema.deploy(app_db, adopt=["user_preferences"])
    run(app_db, "delete from public.user_preferences")
    with pytest.raises(NotAllowed) as asked:
        schema.deploy(app_db, adopt=["user_preferences"])
    words = allowed(asked.value)
    assert "loses-data:user_preferences.theme" in words
    schema.deploy(app_db, adopt=["user_preferences"], allow=words)
    assert not schema.plan(app_db).changes


def test_a_table_with_most_of_our_columns_is_ours(app_db: Database) -> None:
    schema.deploy(app_db)
    run(app_db, """
            comment on table public.product_views is 'views';
            alter table public.product_views drop column viewport_size, alter column search_query type varchar(500);
            """)  # fmt: skip
    assert schema.deploy(app_db).changed
    assert not schema.plan(app_db).changes


@pytest.mark.parametrize(
    ("there", "named"),
    [
        ("create view public.product_views as select 1 as id", "public.product_views is a view"),
        ("create sequence public.product_views", "public.product_views is a sequence"),
        ("create type public.product_views as enum ('a')", "public.product_views is a type"),
        ("create table public.idx_product_views_time (id int)", "public.idx_product_views_time is a table"),
        ("create index product_views_pkey on public.products (id)", "public.product_views_pkey is an index of public.products"),
    ],
)  # fmt: skip
def test_another_thing_under_a_name_that_is_needed_is_named(app_db: Database, there: str, named: str) -> None:
    run(app_db, there)
    with pytest.raises(NotOurs, match=f"{named}.*nothing was changed"):
        schema.deploy(app_db)
    with app_db.begin() as connection:
        assert query(connection, "select to_regclass('public.user_preferences') is null as so") == [{"so": True}]
