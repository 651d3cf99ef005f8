"""The stand-in for a Supabase project behaves where it matters as Supabase does."""

from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from aclue_pipeline.errors import MissingPrerequisite, UnknownCatalogue
from aclue_pipeline.postgres import Database, app, query, script

pytestmark = pytest.mark.database

ME = "11111111-1111-1111-1111-111111111111"
APP_TABLES = ("categories", "products", "swipe_sessions", "swipe_interactions", "recommendations")


def test_the_deployer_is_no_superuser_but_bypasses_row_level_security(empty_db: Database) -> None:
    with empty_db.begin() as connection:
        mine = query(connection, "select * from pg_roles where rolname = current_user")[0]
    assert mine["rolname"] == "postgres"
    assert not mine["rolsuper"]
    assert (mine["rolcreatedb"], mine["rolcreaterole"], mine["rolbypassrls"]) == (True, True, True)


@pytest.mark.parametrize(("role", "bypasses"), [("anon", False), ("authenticated", False), ("service_role", True)])
def test_the_deployer_may_take_every_client_role(empty_db: Database, role: str, bypasses: bool) -> None:
    with empty_db.begin() as connection:
        connection.execute(sa.text("select set_config('role', :role, true)"), {"role": role})
        assert query(
            connection, "select current_user as me, rolbypassrls from pg_roles where rolname = current_user"
        ) == [{"me": role, "rolbypassrls": bypasses}]


@pytest.mark.parametrize(
    "statement",
    [
        "alter table auth.users add column ours text",
        "create index on auth.users (created_at)",
        "create trigger ours after insert on auth.users for each row execute function suppress_redundant_updates_trigger()",
        "create table auth.ours ()",
        "drop table auth.users",
    ],
)
def test_auth_belongs_to_somebody_else(empty_db: Database, statement: str) -> None:
    with (
        empty_db.begin() as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"must be owner|permission denied"),
    ):
        script(connection, statement)


def test_users_can_be_read_and_referenced_by_the_deployer_and_have_no_default_id(empty_db: Database) -> None:
    with empty_db.begin() as connection:
        script(connection, "create table public.ours (user_id uuid references auth.users (id))")
        assert query(connection, "select * from auth.users") == []
    with empty_db.begin() as connection, pytest.raises(psycopg.errors.NotNullViolation, match="null value in column"):
        script(connection, "insert into auth.users (email) values ('somebody@example.com')")


@pytest.mark.parametrize(
    ("claims", "uid", "role"),
    [
        (None, None, None),
        ("", None, None),
        ('{"role": "anon"}', None, "anon"),
        (f'{{"sub": "{ME}", "role": "authenticated"}}', ME, "authenticated"),
    ],
    ids=["unset", "empty", "without sub", "signed in"],
)  # fmt: skip
def test_auth_functions_read_the_claims(
    empty_db: Database, claims: str | None, uid: str | None, role: str | None
) -> None:
    with empty_db.begin() as connection:
        if claims is not None:
            connection.execute(sa.text("select set_config('request.jwt.claims', :claims, true)"), {"claims": claims})
        connection.execute(sa.text("set local role authenticated"))
        said = query(connection, "select auth.uid()::text as uid, auth.role() as role, auth.jwt() as jwt")[0]
    assert (said["uid"], said["role"]) == (uid, role)
    assert (said["jwt"] is None) == (not claims)


@pytest.mark.parametrize("default_grants", [True, False], ids=["older project", "newer project"])
def test_new_tables_are_granted_whole_in_older_projects_and_to_nobody_in_newer(
    empty_db: Database, databases: Any, default_grants: bool
) -> None:
    app.install(databases.admin(empty_db).url, None, default_grants=default_grants)
    with empty_db.begin() as connection:
        script(connection, "create table public.fresh (id int)")
        for role in ("anon", "authenticated", "service_role"):
            for right in ("select", "truncate", "trigger"):
                held = query(
                    connection,
                    "select has_table_privilege(:role, 'public.fresh', :right) as held",
                    role=role,
                    right=right,
                )
                assert held == [{"held": default_grants}], (role, right)


def _rights(database: Database) -> list[dict[str, object]]:
    with database.begin() as connection:
        return query(
            connection,
            """select c.relname, a.grantee::regrole::text, a.privilege_type from pg_class c, aclexplode(c.relacl) a
               where c.relname = any(:tables) and c.relnamespace = 'public'::regnamespace order by 1, 2, 3""",
            tables=list(APP_TABLES),
        )


def test_the_apps_own_rights_are_the_same_in_older_and_newer_projects(
    empty_db: Database, app_db: Database, databases: Any
) -> None:
    app.install(databases.admin(empty_db).url, "a", default_grants=False)
    assert _rights(empty_db) == _rights(app_db) != []


def test_installing_again_keeps_rows_and_changes_nothing(app_db: Database, databases: Any) -> None:
    with app_db.begin() as connection:
        script(connection, "insert into public.products (title) values ('RED RETROSPOT PICNIC BAG')")
    before = _rights(app_db)
    app.install(databases.admin(app_db).url, "a")
    with app_db.begin() as connection:
        assert query(connection, "select title from public.products") == [{"title": "RED RETROSPOT PICNIC BAG"}]
    assert _rights(app_db) == before


def test_tables_in_the_other_shape_are_left_alone(app_db: Database, databases: Any) -> None:
    with pytest.raises(UnknownCatalogue, match="other shape"):
        app.install(databases.admin(app_db).url, "b")


@pytest.mark.parametrize("fixture", ["app_db", "app_db_b"])
def test_every_column_of_the_app_says_what_it_is(fixture: str, request: pytest.FixtureRequest) -> None:
    with request.getfixturevalue(fixture).begin() as connection:
        silent = query(
            connection,
            """select c.relname || '.' || a.attname as column from pg_class c join pg_attribute a on a.attrelid = c.oid
               where (c.relname = any(:tables) or c.oid = 'auth.users'::regclass) and a.attnum > 0
                 and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)""",
            tables=list(APP_TABLES),
        )
    assert silent == []


class TestShape:
    def test_is_recognised(self, app_db: Database, app_db_b: Database) -> None:
        for database, expected in ((app_db, "a"), (app_db_b, "b")):
            with database.psycopg() as pg:
                assert app.shape(pg) == expected

    def test_is_seen_by_a_role_without_any_right_to_the_table(self, app_db: Database) -> None:
        with app_db.psycopg() as pg:
            pg.execute("revoke all on public.products from anon; set local role anon")
            assert app.shape(pg) == "a"

    def test_is_a_where_a_table_in_migration_has_both(self, app_db: Database) -> None:
        with app_db.psycopg() as pg:
            pg.execute("alter table public.products add price numeric, add category text")
            assert app.shape(pg) == "a"

    def test_is_missing_without_products(self, empty_db: Database) -> None:
        with empty_db.psycopg() as pg, pytest.raises(MissingPrerequisite, match=r"public\.products is missing"):
            app.shape(pg)

    def test_is_unknown_with_neither(self, app_db: Database) -> None:
        with app_db.psycopg() as pg:
            pg.execute("alter table public.products drop price_min")
            with pytest.raises(UnknownCatalogue, match="neither"):
                app.shape(pg)


class TestRowLevelSecurityOfTheApp:
    """Felt as its clients feel it."""

    @pytest.fixture
    def people(self, app_db: Database) -> tuple[Database, str, str]:
        with app_db.begin() as connection:
            ids = [
                row["id"]
                for row in query(
                    connection,
                    "insert into auth.users (id) select gen_random_uuid() from generate_series(1, 2) returning id::text",
                )
            ]
            query(
                connection,
                "insert into public.swipe_sessions (user_id) select unnest(cast(:ids as uuid[])) union all select null",
                ids=ids,
            )
        return app_db, ids[0], ids[1]

    def test_a_user_sees_own_sessions_only(self, people: tuple[Database, str, str]) -> None:
        from aclue_pipeline.postgres.claims import claims_options

        database, me, _ = people
        with psycopg.connect(database.url, options=claims_options(me)) as mine:
            assert mine.execute("select user_id::text from public.swipe_sessions").fetchall() == [(me,)]

    def test_a_visitor_sees_none(self, people: tuple[Database, str, str]) -> None:
        from aclue_pipeline.postgres.claims import claims_options

        with psycopg.connect(people[0].url, options=claims_options("anon")) as theirs:
            assert theirs.execute("select * from public.swipe_sessions").fetchall() == []

    def test_the_server_sees_all(self, people: tuple[Database, str, str]) -> None:
        from aclue_pipeline.postgres.claims import claims_options

        with psycopg.connect(people[0].url, options=claims_options("service_role")) as servers:
            assert len(servers.execute("select * from public.swipe_sessions").fetchall()) == 3
