"""Asking before writing: who is asked, what counts as a yes, what a machine is told. Real commands, real terminals."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from aclue_pipeline.postgres import Database, query, script

pytestmark = pytest.mark.database

ACLUE = Path(sys.executable).parent / "aclue"
WRITING = [
    ("deploy",),
    ("rollback",),
    ("preferences", "recalculate"),
    ("preferences", "train"),
    ("preferences", "pin", "2-8f58314e2008"),
    ("preferences", "unpin"),
    ("preferences", "rollback"),
    ("preferences", "reset", "0073356a-b032-5ba8-8c51-18e9b4adb988"),
    ("revenue", "rebuild"),
    ("funnel", "rebuild"),
]


def run(*arguments: str, answer: str | None = None, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`answer` is typed at a pseudo terminal; without one there is no terminal."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ACLUE_")} | environment
    if answer is None:
        return subprocess.run([ACLUE, *arguments], env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    keyboard, terminal = pty.openpty()
    os.write(keyboard, f"{answer}\n".encode())
    try:
        return subprocess.run([ACLUE, *arguments], env=clean, stdin=terminal, capture_output=True, text=True)
    finally:
        os.close(keyboard)
        os.close(terminal)


def tables(database: Database) -> int:
    with database.begin() as connection:
        return int(query(connection, "select count(*) as n from pg_tables where schemaname = 'public'")[0]["n"])


@pytest.mark.parametrize("command", WRITING, ids=" ".join)
def test_without_a_terminal_a_write_is_refused_and_says_how_to_allow_it(deployed_db: Database, command) -> None:
    before = tables(deployed_db)
    done = run(*command, ACLUE_DATABASE_URL=deployed_db.url)
    assert done.returncode == 18, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"in database {deployed_db.name} on 127.0.0.1; say --yes" in done.stderr
    assert tables(deployed_db) == before


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("typed", ["", "y", "yes", "{name}x", "127.0.0.1/{name}"])
def test_what_takes_tables_away_is_stopped_by_anything_but_the_databases_name(
    deployed_db: Database, host, typed
) -> None:
    before = tables(deployed_db)
    url = deployed_db.url.replace("127.0.0.1", host)
    done = run("rollback", answer=typed.format(name=deployed_db.name), ACLUE_DATABASE_URL=url)
    assert done.returncode == 18, done.stderr
    assert f"user_preferences in database {deployed_db.name} on {host}. Type" in done.stderr
    assert f"nothing was written to {host}/{deployed_db.name}" in done.stderr
    assert tables(deployed_db) == before


@pytest.mark.parametrize("answer", ["the name", None], ids=["typed", "--yes"])
def test_the_databases_name_or_yes_lets_it_happen(deployed_db: Database, answer: str | None) -> None:
    before = tables(deployed_db)
    arguments = ("rollback", "--yes") if answer is None else ("rollback",)
    typed = None if answer is None else deployed_db.name
    done = run(*arguments, answer=typed, ACLUE_DATABASE_URL=deployed_db.url)
    assert done.returncode == 0, done.stderr
    assert "Type the database's name" in done.stderr or answer is None
    assert tables(deployed_db) == before - 5


@pytest.mark.parametrize(("typed", "code", "more"), [("y", 0, 5), ("n", 18, 0), ("", 18, 0)])
def test_an_ordinary_write_is_asked_for_on_this_machine_too(app_db: Database, typed: str, code: int, more: int) -> None:
    before = tables(app_db)
    done = run("deploy", answer=typed, ACLUE_DATABASE_URL=app_db.url)
    assert done.returncode == code, done.stderr
    assert f"Write to database {app_db.name} on 127.0.0.1? [y/N]" in done.stderr
    assert tables(app_db) == before + more


def test_only_looking_asks_nothing(app_db: Database) -> None:
    assert run("plan", ACLUE_DATABASE_URL=app_db.url).returncode == 0


def test_the_demos_own_server_is_not_asked_for(server) -> None:
    done = run("--demo", "rollback", ACLUE_HOME=str(server._home), ACLUE_PG_BIN=str(server.bin))
    assert (done.returncode, done.stdout) == (0, "nothing to retire\n"), done.stderr


@pytest.mark.slow
def test_verify_ends_with_15_and_names_what_failed(deployed_db: Database, databases) -> None:
    assert run("verify", ACLUE_DATABASE_URL=deployed_db.url).returncode == 0
    with databases.admin(deployed_db).begin() as connection:
        script(connection, "alter table public.product_views disable row level security")
    done = run("verify", ACLUE_DATABASE_URL=deployed_db.url)
    assert done.returncode == 15
    assert "✗" in done.stdout
    assert "remedy: " in done.stdout
    assert done.stderr.splitlines()[-1].endswith("failed; do as said above, then verify again")
    assert run("verify", "--json", ACLUE_DATABASE_URL=deployed_db.url).returncode == 15
