"""PG* variables of the shell reach none of our clients: the named database is the database, one variable at a time and all at once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.libpq import HOSTILE

pytestmark = pytest.mark.database

# A fork for each variable, set before anything of ours is imported; `bare` is what libpq does by itself.
ONE_BY_ONE = """
import json, os, sys
import psycopg, psycopg2, sqlalchemy
sys.path.insert(0, os.getcwd())
url, hostile = sys.argv[1], json.loads(sys.argv[2])
ASKED = "select current_database(), inet_server_port(), current_user, current_setting('search_path')"

def ours():
    from aclue_pipeline.postgres import Database, query
    with Database(url).begin() as connection:
        return list(query(connection, ASKED)[0].values())

def dagsters():
    import aclue_pipeline.postgres
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(ASKED)
        return list(cursor.fetchone())

def bare():
    with psycopg.connect(url, connect_timeout=2) as connection:
        return list(connection.execute(ASKED).fetchone())

for name, value in hostile.items():
    for client in (ours, dagsters, bare):
        if os.fork() == 0:
            os.environ[name] = value
            try:
                said = client()
            except Exception as error:
                said = str(error)
            print(json.dumps([name, client.__name__, said]), flush=True)
            os._exit(0)
        os.wait()
"""


@pytest.fixture(scope="module")
def answers(server) -> dict[tuple[str, str], Any]:
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, server.url(), json.dumps({"NOTHING": ""} | HOSTILE)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    return {(name, client): said for name, client, said in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("client", ["ours", "dagsters"])
def test_a_variable_of_libpq_changes_nothing(answers, server, client: str, name: str) -> None:
    assert answers[name, client] == answers["NOTHING", "bare"]
    assert answers[name, client][:2] == ["aclue", server._port()]


def test_a_code_server_that_only_imports_the_definitions_forgets_them_too() -> None:
    code = "import os, aclue_pipeline.definitions; print([name for name in os.environ if name.startswith('PG')])"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | HOSTILE, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_the_values_are_hostile_to_whoever_reads_them(answers) -> None:
    harmed = {name for name in HOSTILE if answers[name, "bare"] != answers["NOTHING", "bare"]}
    assert {"PGHOSTADDR", "PGSERVICE", "PGSSLMODE", "PGOPTIONS", "PGTARGETSESSIONATTRS", "PGCHANNELBINDING"} <= harmed


def test_every_variable_that_the_driver_reads_is_tried() -> None:
    known = {option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar}
    assert known <= HOSTILE.keys(), "add what libpq learned to tests/libpq.py"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["history"], True),
        (["--demo", "history"], False),
        (["db", "psql", "--", "-XAtc", "select current_database(), current_role, current_setting('TimeZone')"], False),
        (["db", "status"], False),
        (["db", "url", "dagster"], False),
    ],
    ids=["named", "demo", "psql", "status", "url"],
)  # fmt: skip
def test_a_command_says_the_same_with_all_of_them_at_once(server, arguments: list[str], named: bool) -> None:
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("ACLUE_", "PG"))}
    quiet |= {"ACLUE_HOME": str(server._home), "ACLUE_PG_BIN": str(server.bin)}
    if named:
        quiet["ACLUE_DATABASE_URL"] = server.url()
    command = [Path(sys.executable).parent / "aclue", *arguments]
    runs = [
        subprocess.run(command, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
        for env in (quiet, quiet | HOSTILE)
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[1].stderr
    assert (runs[0].stdout, runs[0].stderr) == (runs[1].stdout, runs[1].stderr)


def test_a_new_server_is_made_and_started_with_all_of_them_at_once(server, tmp_path: Path) -> None:
    command = [Path(sys.executable).parent / "aclue", "db"]
    env = os.environ | HOSTILE | {"ACLUE_HOME": str(tmp_path), "ACLUE_PG_BIN": str(server.bin), "PGDATA": "/nowhere"}
    try:
        started = subprocess.run([*command, "start"], capture_output=True, text=True, env=env)
        assert started.returncode == 0, started.stderr
    finally:
        subprocess.run([*command, "stop"], env=env, check=True, capture_output=True)
