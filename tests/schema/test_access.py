"""Every line of sql/schema/access.csv, really tried; and every line proven able to fail."""

import re
from pathlib import Path
from typing import Any

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.postgres import Database, app, query, script
from aclue_pipeline.schema import access
from aclue_pipeline.schema.access import Line, lines
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.verify import probes
from aclue_pipeline.schema.verify.probes import CannotTry, casting, probe
from tests.support.catalogs import CATALOG
from tests.support.statements import run

pytestmark = pytest.mark.database


def red(database: Database, thorough: bool = True) -> list[str]:
    """The lines that do not hold, in words."""
    with database.psycopg() as pg:
        return [str(outcome.line) for outcome in probe(pg, lines(), thorough) if not outcome.holds]


def in_words(*chosen: Line) -> list[str]:
    return sorted(str(line) for line in chosen)


@pytest.mark.parametrize("thorough", [True, False], ids=["as a test", "as on a database in use"])
def test_every_line_holds(schema_db: Database, thorough: bool) -> None:
    assert red(schema_db, thorough) == []


@pytest.mark.parametrize(
    ("shape", "default_grants"), [("a", False), ("b", True), ("b", False)], ids=["a, newer", "b, older", "b, newer"]
)
def test_every_line_holds_whatever_a_project_grants_by_default(
    empty_db: Database, databases: Any, shape: app.Shape, default_grants: bool
) -> None:
    app.install(databases.admin(empty_db).url, shape, default_grants=default_grants)
    schema.deploy(empty_db)
    assert red(empty_db) == []


class TestEveryLineCanFail:
    def test_what_is_allowed_turns_red_when_the_rights_are_gone(self, schema_db: Database) -> None:
        with schema_db.begin() as connection:
            for table in table_names():
                script(connection, f"revoke all on public.{table} from anon, authenticated, service_role")
        assert sorted(red(schema_db)) == in_words(*(line for line in lines() if line.allowed))

    def test_what_is_refused_turns_red_when_everybody_may_everything(self, schema_db: Database) -> None:
        with schema_db.begin() as connection:
            for table in table_names():
                script(connection, f"alter table public.{table} disable row level security")
                script(connection, f"grant all on public.{table} to anon, authenticated, service_role")
        in_15 = {"maintain"}  # a right since 17; before it, only the owner reindexes, and no grant changes that
        expected = [line for line in lines() if not line.allowed]
        if _version(schema_db) < 17:
            expected = [line for line in expected if line.verb not in in_15]
        assert sorted(red(schema_db)) == in_words(*expected)

    def test_so_it_does_on_a_database_in_use_where_whole_tables_are_only_asked_about(self, schema_db: Database) -> None:
        run(schema_db, "grant truncate, references, trigger on public.product_views to service_role")
        assert sorted(red(schema_db, thorough=False)) == [
            "service_role may not references product_views",
            "service_role may not trigger product_views",
            "service_role may not truncate product_views",
        ]

    def test_each_column_that_is_the_servers_alone(self, schema_db: Database) -> None:
        kept = [line for line in lines() if line.columns and not line.allowed and line.owner != "other"]
        with schema_db.begin() as connection:
            for line in kept:
                for column in line.columns:
                    script(connection, f"grant {line.verb} ({column}) on public.{line.table} to {line.role}")
        with schema_db.psycopg() as pg:
            broken = [outcome for outcome in probe(pg, lines()) if not outcome.holds]
        assert in_words(*(outcome.line for outcome in broken)) == in_words(*kept)
        assert all(len(outcome.wrong) == outcome.tried for outcome in broken)

    @pytest.mark.parametrize(
        ("damage", "expected"),
        [
            (
                "alter policy affiliate_clicks_read_own on public.affiliate_clicks using (user_id = auth.uid() or user_id is null)",
                ["authenticated may not select ownerless rows of affiliate_clicks"],
            ),
            (
                "alter policy product_views_read_own on public.product_views using (true)",
                [
                    "authenticated may not select other rows of product_views",
                    "authenticated may not select ownerless rows of product_views",
                ],
            ),
            (
                "drop policy session_analytics_read_own on public.session_analytics",
                ["authenticated may select own rows of session_analytics"],
            ),
            (
                # The naive policy: a visitor who sends a token's claims passes for its user.
                """alter policy session_analytics_insert_own_or_ownerless on public.session_analytics
                   with check (user_id is null or user_id = auth.uid())""",
                [
                    "anon may not insert claimed rows of session_analytics",
                    *(
                        f"{who} {when} rows of session_analytics"
                        for who in ("anon may not insert ownerless", "authenticated may not insert own")
                        for when in ("25 hours old", "6 minutes ahead")
                    ),
                ],
            ),
            (
                """alter policy product_views_insert_own_or_ownerless on public.product_views
                   with check ((user_id is null or (current_user <> 'anon' and user_id = auth.uid()))
                               and view_timestamp <= now() + interval '5 minutes')""",
                [
                    "anon may not insert ownerless 25 hours old rows of product_views",
                    "authenticated may not insert own 25 hours old rows of product_views",
                ],
            ),
            (
                """alter policy recommendation_feedback_insert_own on public.recommendation_feedback
                   with check (user_id = auth.uid())""",
                [
                    "authenticated may not insert own about another product rows of recommendation_feedback",
                    "authenticated may not insert own on another's recommendation rows of recommendation_feedback",
                ],
            ),
            (
                "alter policy user_preferences_own on public.user_preferences using (true) with check (true)",
                [
                    "authenticated may not insert other rows of user_preferences",
                    "authenticated may not select other rows of user_preferences",
                    "authenticated may not update other rows of user_preferences (these columns)",
                    "authenticated may not update own moved to another rows of user_preferences",
                ],
            ),
            (
                # Nobody passes the policies, yet the right is more than access.csv gives.
                "grant select on public.user_preferences to anon",
                ["anon may not select other rows of user_preferences"],
            ),
            (
                # A grant on the table instead of columns: lets a client lock it.
                "grant insert on public.product_views to anon",
                [
                    "anon may not insert ownerless rows of product_views (these columns)",
                    "anon may not lock product_views",
                ],
            ),
            (
                "revoke delete on public.affiliate_clicks from service_role",
                [
                    "service_role may delete other rows of affiliate_clicks",
                    "service_role may delete ownerless rows of affiliate_clicks",
                ],
            ),
        ],
    )  # fmt: skip
    def test_exactly_the_lines_that_a_damage_breaks(
        self, schema_db: Database, damage: str, expected: list[str]
    ) -> None:
        run(schema_db, damage)
        assert sorted(red(schema_db)) == expected


class TestTheLinesSpeakOfEverything:
    @pytest.mark.parametrize("role", ["anon", "authenticated"])
    @pytest.mark.parametrize("table", table_names())
    def test_a_client_that_may_write_is_told_about_every_column(self, table: str, role: str) -> None:
        for verb in ("insert", "update"):
            mine = [
                line
                for line in lines()
                if (line.table, line.role, line.verb) == (table, role, verb) and not line.condition
            ]
            if not any(line.allowed for line in mine):
                continue
            own = [line for line in mine if line.columns and line.owner in ("own", "ownerless")]
            told = [column for line in own for column in line.columns]
            declared = [column.name for column in CATALOG.table(f"public.{table}").columns]
            assert sorted(told) == sorted(declared), f"{role} {verb} {table}: each column belongs in exactly one line"

    @pytest.mark.parametrize("role", access.ROLES)
    @pytest.mark.parametrize("table", table_names())
    def test_every_role_and_verb_is_spoken_of(self, table: str, role: str) -> None:
        spoken = {line.verb for line in lines() if (line.table, line.role) == (table, role)}
        # The server may write, and who may write may lock.
        assert set(access.VERBS) - spoken == ({"lock"} if role == "service_role" else set())

    def test_nothing_is_said_twice(self) -> None:
        said = [(line.table, line.role, line.verb, line.owner, line.condition, line.columns) for line in lines()]
        assert len(said) == len(set(said))


class TestTrying:
    def test_leaves_no_row_no_lock_and_nobody_elses_role(self, schema_db: Database) -> None:
        before = _contents(schema_db)
        with schema_db.psycopg() as pg:
            probe(pg, lines(), thorough=True)
            assert pg.execute("select current_user, current_setting('request.jwt.claims', true)").fetchone() in (
                ("postgres", None),
                ("postgres", ""),
            )
            held = pg.execute(
                """select c.relname from pg_locks l join pg_class c on c.oid = l.relation
                   where l.pid = pg_backend_pid() and c.relnamespace = 'public'::regnamespace"""
            ).fetchall()
        assert held == []
        assert _contents(schema_db) == before

    def test_a_refusal_for_another_reason_proves_nothing(
        self, schema_db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sound = probes._AS_A_REQUEST
        monkeypatch.setattr(probes, "_AS_A_REQUEST", sound.replace("row_security = on", "row_security = off"))
        with schema_db.psycopg() as pg:
            hidden = [
                one for one in probe(pg, lines()) if one.line.role == "authenticated" and one.line.verb == "select"
            ]
        refused = [one for one in hidden if not one.line.allowed]
        assert all("would be affected by row-level security" in one.unproven[0] for one in refused)
        assert all(one.wrong for one in hidden if one.line.allowed)

    def test_what_is_refused_to_everybody_proves_nothing(self, schema_db: Database) -> None:
        run(
            schema_db,
            """create function public.nothing() returns trigger language plpgsql as 'begin return null; end';
                   create trigger nothing before delete on public.product_views for each row when (current_user <> 'service_role')
                   execute function public.nothing()""",
        )
        with schema_db.psycopg() as pg:
            unproven = [one.unproven[0] for one in probe(pg, lines()) if one.unproven]
        assert unproven[0] == "anon: refused, but so is who may do anything (no row)"

    def test_plays_with_users_of_its_own_and_leaves_the_databases_rows_alone(self, schema_db: Database) -> None:
        run(
            schema_db,
            """insert into auth.users (id) select gen_random_uuid() from generate_series(1, 2);
                   insert into public.products (title) values ('HEART T-LIGHT HOLDER');
                   insert into public.user_preferences (user_id, total_swipes, right_swipes) select id, 3, 1 from auth.users""",
        )
        before = _contents(schema_db)
        assert red(schema_db) == []
        assert _contents(schema_db) == before

    def test_is_impossible_without_users_and_the_right_to_make_some(self, schema_db: Database, databases: Any) -> None:
        run(databases.admin(schema_db), "revoke insert on auth.users from postgres")
        with pytest.raises(CannotTry, match=r"two users are needed and cannot be made here"):
            red(schema_db)


def test_an_unknown_word_is_named(tmp_path: Path) -> None:
    path = tmp_path / "access.csv"
    path.write_text((CATALOG.root / "schema" / "access.csv").read_text() + "*,anon,selct,own,*,no,\n")
    with pytest.raises(SqlFileError, match="'selct' is not one of select, insert"):
        lines(path)


def _version(database: Database) -> int:
    with database.begin() as connection:
        return int(query(connection, "select current_setting('server_version_num')::int / 10000 as major")[0]["major"])


def _contents(database: Database) -> dict[str, object]:
    """Every row with its version: an update that came back to the same values would show."""
    tables = [
        "auth.users",
        "public.products",
        "public.recommendations",
        *(f"public.{table}" for table in table_names()),
    ]
    with database.begin() as connection:
        return {
            table: query(connection, f"select xmin, ctid, t::text from {table} t order by ctid") for table in tables
        }


def test_where_something_of_supabase_or_the_app_is_missing_it_is_named(schema_db: Database, databases: Any) -> None:
    for without, missing in (
        ("table auth.users", "auth.users"),
        ("schema auth", "auth.users, auth.uid()"),
        ("table public.products", "public.products"),
        ("table public.recommendations", "public.recommendations"),
    ):
        with databases.admin(schema_db).psycopg() as pg, pg.transaction(force_rollback=True):
            pg.execute(f"drop {without} cascade".encode())
            with pytest.raises(
                CannotTry, match=rf"^nothing to try with: {re.escape(missing)} (is|are) missing"
            ) as cannot:
                casting(pg)
            assert cannot.value.remedy == "aclue plan"
