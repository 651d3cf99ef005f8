"""Deploying: whatever it starts from, it ends at the same schema, and where there is nothing to do it does nothing."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from aclue_pipeline import schema
from aclue_pipeline.postgres import Database, app, query, script
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.scripts import scripts, table_names

pytestmark = pytest.mark.database


def fingerprint(database: Database) -> str:
    with database.begin() as connection:
        return schema.fingerprint(connection)


def test_the_result_is_the_same_in_both_shapes_and_whatever_default_privileges_give(
    server: EmbeddedServer, databases, app_db_b: Database
) -> None:
    open_handed, tight_fisted = databases.copy("supabase"), databases.copy("supabase")
    app.install(server.url(open_handed.name, SUPERUSER), shape="a", default_grants=True)
    app.install(server.url(tight_fisted.name, SUPERUSER), shape="a", default_grants=False)
    deployed = [schema.deploy(database) for database in (open_handed, tight_fisted, app_db_b)]
    assert len({one.fingerprint for one in deployed}) == 1
    assert all(one.changed and not one.left for one in deployed)
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
    assert not schema.plan(app_db).statements
    with databases.admin(app_db).begin() as connection:
        script(connection, """
            create function public.refuse() returns event_trigger language plpgsql as $$ begin raise exception 'DDL: %', tg_tag; end $$;
            create event trigger refuse on ddl_command_start execute function public.refuse();
            """)  # fmt: skip
    again = schema.deploy(app_db)
    assert (again.steps, again.changed, again.fingerprint) == ((), False, first.fingerprint)


def test_a_dry_run_shows_every_statement_and_runs_none(app_db: Database) -> None:
    shown = schema.deploy(app_db, dry_run=True)
    assert shown.steps
    assert not shown.changed
    assert schema.plan(app_db).missing == table_names()
    with app_db.autocommit() as connection:  # what is shown, run as it stands, is a deployment
        for step in shown.steps:
            script(connection, step.script)
    assert not schema.plan(app_db).statements
    assert fingerprint(app_db) == schema.deploy(app_db).fingerprint


def test_the_files_can_be_run_by_hand_and_again(standing: Database, app_db: Database) -> None:
    with app_db.autocommit() as connection:
        for _ in range(2):
            for file in scripts():
                script(connection, file.path.read_text(encoding="utf-8"))
    assert fingerprint(app_db) == fingerprint(standing)
    assert not schema.plan(app_db).statements


def test_locking_steps_come_last_and_one_key_at_a_time(app_db: Database) -> None:
    steps = schema.plan(app_db).steps
    first, *others = steps
    assert not first.locks
    assert "references auth.users" not in first.script
    assert "not valid" not in first.script
    for step in others:
        foreign = {table for table, _ in step.locks} - {f"public.{name}" for name in table_names()}
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
        cut += bool(schema.plan(victim).statements)
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
