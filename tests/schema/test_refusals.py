"""Where a deployment cannot go on, it says in one sentence what is wrong and what to do, and has changed nothing."""

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import (
    AclueError,
    MissingPrerequisite,
    MissingPrivilege,
    SchemaIncomplete,
    ServerTooOld,
    UnknownCatalogue,
)
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.scripts import table_names

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
    with databases.admin(database).begin() as connection:
        script(connection, text)


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


def test_a_schema_that_is_not_or_half_deployed_is_named_as_such(app_db: Database) -> None:
    with pytest.raises(SchemaIncomplete, match=r"not deployed.*run `aclue deploy`"):
        schema.require_deployed(app_db)
    schema.deploy(app_db)
    schema.require_deployed(app_db)
    with app_db.begin() as connection:
        script(connection, "drop index public.idx_product_views_time")
    with pytest.raises(SchemaIncomplete, match=r"half deployed.*idx_product_views_time.*is missing"):
        schema.require_deployed(app_db)
    with app_db.begin() as connection:
        script(connection, "drop table public.product_views")
    with pytest.raises(SchemaIncomplete, match=r"half deployed.*4 of 5 tables.*product_views"):
        schema.require_deployed(app_db)
    assert schema.deploy(app_db).changed
    schema.require_deployed(app_db)
