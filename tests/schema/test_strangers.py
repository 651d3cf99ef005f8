"""Whatever a deployment meets on somebody's database, it ends as declared, is refused with nothing changed, or leaves every row as it
was and names what it cannot do; it never ends in a traceback."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from aclue_pipeline import errors, schema
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.schema.census import Census
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.look import census
from aclue_pipeline.settings import get_settings
from tests.schema.test_census import differing
from tests.schema.test_starting_states import ROWS
from tests.support.command import said
from tests.support.statements import run
from tests.support.words import allowed

pytestmark = pytest.mark.database

HERE = Path(__file__).parent
STATES: list[dict[str, Any]] = yaml.safe_load((HERE / "starting_states.yaml").read_text(encoding="utf-8"))

#: Raises at any statement that would change a definition, also within a transaction that is rolled back.
WATCH = """
create function public.watch() returns event_trigger language plpgsql as $$ begin raise exception 'changed by %', tg_tag; end $$;
create event trigger watch on ddl_command_start execute function public.watch();
"""
Rows = dict[str, list[dict[str, Any]]]


def rows(database: Database) -> Rows:
    """Every row of every table of the app's and ours."""
    with database.begin() as connection:
        tables = query(
            connection,
            "select oid::regclass::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')",
        )
        return {
            table["name"]: [
                row["said"] for row in query(connection, f"select to_jsonb(t) as said from only {table['name']} t")
            ]
            for table in tables
        }


def lost(before: Rows, after: Rows, loses: list[str]) -> list[str]:
    """Rows that are not there any more as they were."""
    found = []
    for table, old in before.items():
        kept = [name for name in (old[0] if old else ()) if name not in loses]
        left = Counter(_values(row, kept) for row in old) - Counter(_values(row, kept) for row in after.get(table, ()))
        found += [f"{table}: {row}" for row in left]
    return found


def _values(row: dict[str, Any], names: list[str]) -> str:
    # A text of fixed length loses the blanks that filled it up, a time without a zone gains UTC's.
    return json.dumps([re.sub(r"\s+$|\+00:00$", "", str(row.get(name, "gone"))) for name in names])


def open_tables(database: Database) -> list[str]:
    """Those whose rows a visitor could read."""
    with database.begin() as connection:
        found = query(
            connection,
            """select relname from pg_class
               where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname = any(:tables)
                   and (not relrowsecurity or has_any_column_privilege('anon', oid, 'SELECT'))""",
            tables=list(table_names()),
        )
    return [row["relname"] for row in found]


def deployed(database: Database, state: dict[str, Any]) -> tuple[list[str], errors.AclueError | None]:
    """As a person would who says whatever it asks for: these words, and the refusal against which no word helps."""
    said: list[str] = []
    while True:
        try:
            schema.deploy(database, allow=said, adopt=state.get("adopt", ()))
        except errors.AclueError as refusal:
            asked = [word for word in allowed(refusal) if word not in said]
            if not asked:
                return said, refusal
            said += asked
        else:
            return said, None


@pytest.fixture(scope="module")
def whole(standing: Database) -> Census:
    with standing.begin() as connection:
        return census(connection)


@pytest.fixture(scope="session")
def filled(server, five_tables: str) -> str:
    """Name of the template: the five tables deployed, with rows."""
    server.create_database("filled", template=five_tables)
    database = Database(server.url("filled"))
    run(database, ROWS)
    database.close()
    return "filled"


def started(databases, filled: str, state: dict[str, Any]) -> tuple[Database, Database]:
    """The database as the state says, of whoever deploys and of the superuser."""
    database = databases.copy(state.get("from", "").replace("app", "app_a") or filled)
    admin = databases.admin(database)
    run(admin, state.get("first", ""))
    if "as" in state:
        database = Database(re.sub(r"//[^@]+@", f"//{state['as']}:{state['as']}@", database.url))
    run(database, state.get("sql", ""))
    if "by_hand" in state:
        run(database, (HERE / state["by_hand"]).read_text(encoding="utf-8"))
    return database, admin


@pytest.mark.parametrize(
    "state",
    [pytest.param(one, marks=[pytest.mark.slow] if one.get("slow") else [], id=one["state"]) for one in STATES],
)
def test_a_strangers_database(databases, filled: str, whole: Census, state: dict[str, Any]) -> None:
    database, admin = started(databases, filled, state)
    before = rows(admin)
    ends, _, error = state.get("ends", "declared").partition(" ")
    if ends == "refused":
        run(admin, WATCH)
    said, refusal = deployed(database, state)
    assert type(refusal).__name__ == (error or "NoneType"), refusal
    assert state.get("says", "") in str(refusal)
    assert "\n" not in str(refusal)
    if ends == "declared" and state.get("asks") != "many":
        assert sorted(said) == sorted(state.get("asks", []))
    with admin.begin() as connection:
        after = census(connection)
    if ends == "declared":
        assert not schema.plan(database).changes
        kinds = ("reader", "child", "publication", *(["owner", "function"] if "as" in state else []))
        assert not {one for one in differing(whole, after) if not one.startswith(kinds)}
    if ends == "left":
        assert type(deployed(database, state)[1]) is type(refusal)
        with admin.begin() as connection:
            assert not differing(after, census(connection))
    assert not lost(before, rows(admin), state.get("loses", []))
    if ends != "refused":
        assert not open_tables(admin)
    run(admin, state.get("works", ""))
    if "as" in state:
        database.close()


def test_there_are_states_enough() -> None:
    ends = Counter(state.get("ends", "declared").split()[0] for state in STATES)
    assert len({state["state"] for state in STATES}) == len(STATES) >= 80
    assert min(ends.values()) >= 10, ends


@pytest.mark.parametrize(
    ("name", "code"),
    [("an app's own user_preferences", 34), ("NULL where there must be a value", 35), ("two triggers that do the same", 32)],
)  # fmt: skip
def test_the_command_says_it_in_one_line_with_an_exit_code(
    databases, filled: str, name: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database, _ = started(databases, filled, next(state for state in STATES if state["state"] == name))
    monkeypatch.setenv("ACLUE_DATABASE_URL", database.url)
    get_settings.cache_clear()
    ended, _, err = said(capsys, "deploy", "--yes")
    assert ended == code
    assert err.splitlines()[-1].startswith("aclue: ")
