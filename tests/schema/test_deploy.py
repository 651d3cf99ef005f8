"""Deploying: whatever it starts from, it ends at the same schema, and where there is nothing to do it does nothing."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import Impossible, MissingPrivilege, NotAllowed
from aclue_pipeline.postgres import Database, app, query, script
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.change import How, ident
from aclue_pipeline.schema.declared import files, table_names
from aclue_pipeline.settings import get_settings
from tests.schema.conftest import fingerprint
from tests.support.statements import run

pytestmark = pytest.mark.database


def test_the_result_is_the_same_in_both_shapes_and_whatever_default_privileges_give(
    server: EmbeddedServer, databases, app_db_b: Database
) -> None:
    open_handed, tight_fisted = databases.copy("supabase"), databases.copy("supabase")
    app.install(server.url(open_handed.name, SUPERUSER), shape="a", default_grants=True)
    app.install(server.url(tight_fisted.name, SUPERUSER), shape="a", default_grants=False)
    deployed = [schema.deploy(database) for database in (open_handed, tight_fisted, app_db_b)]
    assert len({one.fingerprint for one in deployed}) == 1
    assert all(one.changed and not one.having("as before") for one in deployed)
    with open_handed.begin() as connection:
        held = query(
            connection,
            """select distinct grantee, privilege_type from information_schema.role_table_grants
               where table_name = 'affiliate_clicks' and grantee <> 'postgres' order by 1, 2""",
        )
    assert [tuple(row.values()) for row in held] == [
        ("authenticated", "SELECT"),
        *(("service_role", verb) for verb in ("DELETE", "INSERT", "SELECT", "UPDATE")),
    ]


def test_nothing_to_do_executes_no_ddl(databases, app_db: Database) -> None:
    first = schema.deploy(app_db)
    assert not schema.plan(app_db).changes
    run(databases.admin(app_db), """
            create function public.refuse() returns event_trigger language plpgsql as $$ begin raise exception 'DDL: %', tg_tag; end $$;
            create event trigger refuse on ddl_command_start execute function public.refuse();
            """)  # fmt: skip
    again = schema.deploy(app_db)
    assert (again.outcomes, again.changed, again.fingerprint) == ((), False, first.fingerprint)


def test_a_plan_shows_every_statement_and_runs_none(app_db: Database) -> None:
    todo = schema.plan(app_db)
    assert todo.missing == table_names() == schema.plan(app_db).missing
    with app_db.autocommit() as connection:  # what is shown, run as it stands, is a deployment
        script(connection, todo.sql)
    assert not schema.plan(app_db).changes


def test_the_files_can_be_run_by_hand_and_again(standing: Database, app_db: Database) -> None:
    with app_db.autocommit() as connection:
        for _ in range(2):
            for file in files():
                script(connection, file.read_text(encoding="utf-8"))
    assert fingerprint(app_db) == fingerprint(standing)
    assert not schema.plan(app_db).changes


def test_locking_steps_come_last_and_one_key_at_a_time(app_db: Database) -> None:
    steps = list(schema.plan(app_db).steps)
    making = [step for step in steps if step.how == How.MAKE]
    assert steps[: len(making)] == making
    assert not any(word in step.script.lower() for step in making for word in ("references auth.users", "not valid"))
    for step in steps[len(making) :]:
        foreign = {table for table, _ in step.locks} - {ident("public", name) for name in table_names()}
        assert len(foreign) <= 1, step.title


def test_every_table_and_column_says_more_than_its_name(standing: Database) -> None:
    with standing.begin() as connection:
        rows = query(
            connection,
            """select c.relname, a.attname, a.attnotnull, col_description(c.oid, a.attnum) as said, obj_description(c.oid) as table_said
               from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped
               where c.relname = any(:tables)""",
            tables=list(table_names()),
        )
    assert len(rows) > 130
    for row in rows:
        assert len(row["said"] or "") > len(row["attname"]) + 15, row
        assert row["attnotnull"] or "NULL: " in row["said"], f"{row['attname']} may be NULL: say what that means"
        assert len(row["table_said"]) > 50


def test_every_index_names_what_it_serves_and_every_key_has_one(standing: Database) -> None:
    with standing.begin() as connection:
        silent = query(
            connection,
            """select indexrelid::regclass from pg_index
               where indrelid::regclass::text = any(:tables) and coalesce(obj_description(indexrelid), '') not like 'Serves %'""",
            tables=list(table_names()),
        )
        unindexed = query(
            connection,
            """select conname from pg_constraint k where contype = 'f' and conrelid::regclass::text = any(:tables)
               and not exists (select from pg_index i where i.indrelid = k.conrelid and i.indkey[0] = k.conkey[1])""",
            tables=list(table_names()),
        )
    assert (silent, unindexed) == ([], [])


def _deploy_in_child(url: str, ready: "multiprocessing.synchronize.Event") -> None:
    database = Database(url)
    ready.set()
    schema.deploy(database)
    os._exit(0)


@pytest.mark.slow
def test_killed_at_ten_random_moments_it_never_leaves_a_readable_table_and_the_next_run_finishes(
    server: EmbeddedServer, databases
) -> None:
    whole = databases.copy("app_a")
    began = time.monotonic()
    undisturbed = schema.deploy(whole)
    length = time.monotonic() - began
    moments = random.Random(20261124)
    fork = multiprocessing.get_context("fork")
    cut = 0
    for _ in range(10):
        victim = databases.copy("app_a")
        ready = fork.Event()
        child = fork.Process(target=_deploy_in_child, args=(victim.url, ready))
        child.start()
        assert ready.wait(30)
        time.sleep(moments.uniform(0.02, length * 1.2))
        os.kill(child.pid or 0, signal.SIGKILL)
        child.join()
        with victim.begin() as connection:
            open_ = query(
                connection,
                """select relname from pg_class where relnamespace = 'public'::regnamespace and relname = any(:tables)
                   and (not relrowsecurity or has_table_privilege('anon', oid, 'SELECT'))""",
                tables=list(table_names()),
            )
        assert open_ == []
        cut += bool(schema.plan(victim).changes)
        assert schema.deploy(victim).fingerprint == undisturbed.fingerprint
    assert cut > 0, "no kill came in time; the moments must lie within a deployment"


@pytest.mark.slow
def test_the_fingerprint_is_the_same_on_another_server_version(standing: Database, tmp_path: Path) -> None:
    folder = Path("/usr/lib/postgresql/15/bin")
    if not folder.exists():
        pytest.skip("no PostgreSQL 15 on this machine")
    other = EmbeddedServer(tmp_path, None if os.environ.get("ACLUE_PG_BIN") else folder, {"fsync": "off"})
    other.start()
    try:
        app.install(other.url("aclue", SUPERUSER), shape="b", default_grants=False)
        database = Database(other.url("aclue"))
        assert schema.deploy(database).fingerprint == fingerprint(standing)
        database.close()
    finally:
        other.stop()


def test_what_was_empty_at_planning_and_is_not_under_the_lock_is_planned_again(schema_db: Database) -> None:
    """Filling a new column of ids rewrites the table: at once while it is empty, else a person is asked."""
    whole = fingerprint(schema_db)
    run(
        schema_db,
        """alter table public.session_analytics drop column id cascade;
               create policy extra on public.session_analytics for select to anon using (true)""",
    )
    came: list[str] = []

    def somebody_comes(line: str) -> None:
        if not came:
            run(
                Database(schema_db.url),
                "insert into public.session_analytics (session_id, landing_page) values ('s', '/')",
            )
        came.append(line)

    with pytest.raises(NotAllowed, match=r"--allow rewrites:session_analytics\.id"):
        schema.deploy(schema_db, progress=somebody_comes)
    assert came[0].startswith("policy session_analytics.extra")
    assert schema.deploy(schema_db, allow=["rewrites:session_analytics.id"]).fingerprint == whole
    with schema_db.begin() as connection:
        assert query(connection, "select count(*) as n from public.session_analytics where id is not null")[0]["n"] == 1


def test_whoever_may_only_look_sees_the_plan(databases, schema_db: Database) -> None:
    admin = databases.admin(schema_db)
    with admin.begin() as connection:
        script(connection, "drop role if exists looker; create role looker login password 'x'")
        script(connection, "alter table public.product_views disable row level security")
    address = schema_db.url.partition("@")[2]
    looker = Database(f"postgresql://looker:x@{address}")
    try:
        assert [str(change) for change in schema.plan(looker).changes] == ["row security product_views: different"]
        with pytest.raises(MissingPrivilege):
            schema.deploy(looker)
    finally:
        looker.close()


def test_the_owner_is_who_is_named_then_who_owned_it_last(
    databases, schema_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = databases.admin(schema_db)
    owners = """select distinct relowner::regrole::text as owner from pg_class where relname = any(:names) and relkind = 'r'
                union select distinct proowner::regrole::text from pg_proc where pronamespace = 'pipeline'::regnamespace"""

    def owned() -> list[str]:
        with admin.begin() as connection:
            return [row["owner"] for row in query(connection, owners, names=list(table_names()))]

    with admin.begin() as connection:
        script(
            connection,
            "drop role if exists aclue_owner; create role aclue_owner; grant create on schema public, pipeline to aclue_owner",
        )
        script(connection, "grant usage on schema auth to aclue_owner")
    with monkeypatch.context() as setting:
        setting.setenv("ACLUE_SCHEMA_OWNER", "aclue_owner")
        get_settings.cache_clear()
        with pytest.raises(Impossible, match="owner affiliate_clicks"):
            schema.deploy(schema_db)
        run(admin, "grant aclue_owner to postgres")
        schema.deploy(schema_db)
        assert owned() == ["aclue_owner"]
    with admin.begin() as connection:  # whose triggers note whom to forget
        script(
            connection,
            """insert into auth.users (id, email) values ('11111111-1111-1111-1111-111111111111', 'ann@example.com');
               insert into public.products (id, title) values ('11111111-1111-1111-1111-111111111111', 'mug');
               insert into public.product_views (product_id, user_id, session_id) select id, id, 's' from public.products;
               delete from auth.users""",
        )
        assert query(connection, "select count(*) as noted from pipeline.erasures") == [{"noted": 1}]
    get_settings.cache_clear()
    assert not schema.plan(schema_db).changes
    run(admin, "drop owned by aclue_owner cascade; drop role aclue_owner")
