"""The role aclue_analyst: reads whatever is published, and nothing with a person in it. Every relation and every function of every
schema is tried, whatever the rooms hold."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from aclue_pipeline import derived
from aclue_pipeline.charts.page import report
from aclue_pipeline.cli import main
from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.schema import roles
from aclue_pipeline.schema.verify import verify
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.schema.test_roles import logged_in
from tests.support import published  # registers the template
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database
OPEN = {"analytics", "history"}

#: By the type of an argument, a value that it takes.
ARGUMENTS = {
    "date": published.YESTERDAY,
    "timestamp with time zone": datetime.now(UTC),
    "text": "Europe/London",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "text[]": "{}",
    "jsonb": "[]",
}

_OURS = "n.nspname !~ '^(pg_|information_schema$)'"
_RELATIONS = f"""
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and {_OURS} order by 1, 2
"""
_FUNCTIONS = f"""
select n.nspname, p.proname, p.proretset, p.proargnames,
    array(select format_type(type, null) from unnest(p.proargtypes) with ordinality as t (type, n)
          where n <= p.pronargs - p.pronargdefaults order by n) as needed
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where p.prokind <> 'p' and p.prorettype <> 'trigger'::regtype and {_OURS} order by 1, 2
"""


@pytest.fixture
def db(databases: Databases) -> Iterator[Database]:
    db = databases.copy("published_demo")
    admin = databases.admin(db)
    roles.roles(admin)
    yield db
    with admin.psycopg() as pg:
        for role in (roles.ANALYST, roles.PIPELINE, roles.DEPLOYER):
            pg.execute(f"drop owned by {role} cascade")
            pg.execute(f"drop role {role}")


def test_the_analyst_reads_all_that_is_published_and_nobody_in_it(db: Database, databases: Databases) -> None:
    with databases.admin(db).psycopg() as pg:
        relations = pg.execute(_RELATIONS).fetchall()
        functions = pg.execute(_FUNCTIONS).fetchall()
        persons = set().union(*(_persons(pg, key) for key in CATALOG.tables))
    assert len(persons) > 1_000, "what is looked for is there"
    analyst = logged_in(db, databases, roles.ANALYST)
    seen: dict[str, set[str]] = {}
    refused, failed = set(), {}
    with analyst.psycopg() as pg:
        for schema, name in relations:
            read = sql.SQL("select to_jsonb(r)::text from {} r").format(sql.Identifier(schema, name))
            try:
                seen[f"{schema}.{name}"] = _words(_tried(pg, read))
            except errors.InsufficientPrivilege:
                refused.add(f"{schema}.{name}")
        for schema, name, is_rows, names, needed in functions:
            for values in _calls(needed, names, pg, schema, name):
                call = sql.SQL("select to_jsonb(r)::text from {}({}) r").format(
                    sql.Identifier(schema, name), sql.SQL(", ").join(values)
                )
                key = f"{schema}.{name}()"
                try:
                    seen[key] = seen.get(key, set()) | _words(_tried(pg, call))
                except errors.InsufficientPrivilege:
                    refused.add(key)
                except psycopg.Error as error:
                    if is_rows:
                        failed[key] = str(error)
    analyst.close()
    closed = {f"{schema}.{name}" for schema, name in relations if schema not in OPEN}
    assert {key for key in seen if not key.endswith("()")} & closed == set()
    assert {key for key in refused if key.partition(".")[0] in OPEN} == set()
    assert {key: why for key, why in failed.items() if key.partition(".")[0] in OPEN} == {}
    assert {key: sorted(words & persons)[:3] for key, words in seen.items() if words & persons} == {}
    assert {"analytics.revenue_daily", "history.revenue_daily", "history.revenue_daily()"} <= seen.keys()


def test_every_query_that_a_page_ends_with_answers_the_analyst_by_columns_with_names(
    db: Database, databases: Databases
) -> None:
    analyst = logged_in(db, databases, roles.ANALYST)
    failed = {}
    with analyst.psycopg() as pg:
        for one in (*CATALOG.tables.values(), *CATALOG.functions.values()):
            for query in one.queries:
                try:
                    columns = [column.name for column in pg.execute(query.sql.encode()).description or ()]
                    assert len(set(columns)) == len(columns), "two columns of one name"
                    assert "?column?" not in columns, "a column without a name"
                except (psycopg.Error, AssertionError) as error:
                    failed[f"{one.key}: {query.asks}"] = str(error)
                    pg.rollback()
    analyst.close()
    assert failed == {}


@pytest.mark.slow
def test_the_report_needs_no_more_than_the_analyst_may_and_what_does_says_so(
    db: Database, databases: Databases, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyst = logged_in(db, databases, roles.ANALYST)
    page = report(analyst, published.FIRST, published.YESTERDAY)
    assert "may not read" not in page
    with databases.admin(db).psycopg() as pg:
        pg.execute("revoke select on analytics.revenue_daily from aclue_analyst")
    assert "This role may not read analytics.revenue_daily." in report(analyst, published.FIRST, published.YESTERDAY)
    analyst.close()
    monkeypatch.setenv("ACLUE_DATABASE_URL", analyst.url)
    monkeypatch.setenv("ACLUE_FIRST_DAY", published.FIRST.isoformat())
    for typed in (
        f"why revenue_daily {published.YESTERDAY}",
        "extract taste_models",
        "revenue outdated",
        f"revenue close {published.CLOSED:%Y-%m} --yes",
        "rollback --yes",
        "alerts",
        "preferences versions",
    ):
        get_settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            main(typed.split())
        line = capsys.readouterr().err.splitlines()[-1]
        assert (ended.value.code, line.startswith("aclue: this role may not do that (permission denied")) == (
            10,
            True,
        ), typed
    get_settings.cache_clear()
    judged = {one.check: one.outcome for one in verify(analyst)}
    assert (judged["existing_functionality"], "failed" in judged.values()) == ("not judged", False)


def _persons(pg: Pg, key: str) -> set[str]:
    """What the tagged columns of an app's or deployed table say: names and numbers, words of a few letters apart."""
    table = CATALOG.tables[key]
    if table.kind not in ("app", "deployed"):
        return set()
    tagged = [column.name for column in table.columns if column.pii]
    found: set[str] = set()
    for name in tagged:
        read = sql.SQL("select distinct {}::text from {}").format(sql.Identifier(name), sql.Identifier(*key.split(".")))
        found |= {value for (value,) in pg.execute(read) if value and re.search(r"(?=.{12})(?=.*\d)", value)}
    return found


def _words(rows: list[tuple[str]]) -> set[str]:
    """The texts inside rows of JSON."""
    return {word for (row,) in rows if row for word in re.findall(r'"((?:[^"\\]|\\.)*)"', row)}


def _tried(pg: Pg, statement: sql.Composed) -> list[tuple[Any, ...]]:
    with pg.transaction():
        return pg.execute(statement).fetchall()


def _calls(
    needed: list[str], names: list[str] | None, pg: Pg, schema: str, name: str
) -> Iterator[list[sql.Composable]]:
    """The arguments of a call; where rows are grouped by dimensions, or told apart by one, of one for each that the function offers."""
    values: list[sql.Composable] = [sql.Literal(ARGUMENTS.get(kind, "1")) for kind in needed]
    if "dimension" in (names or ())[: len(needed)]:
        place = (names or []).index("dimension")
        for dimension in _offered(
            pg, schema, name, [*values[:place], sql.Literal("none of them"), *values[place + 1 :]]
        ):
            yield [*values[:place], sql.Literal(dimension), *values[place + 1 :]]
        return
    yield values
    if "by" in (names or ()):
        for dimension in _offered(pg, schema, name, [*values, sql.SQL("by => array['none of them']")]):
            yield [*values, sql.SQL("by => array[{}]").format(sql.Literal(dimension))]


def _offered(pg: Pg, schema: str, name: str, values: list[sql.Composable]) -> list[str]:
    try:
        _tried(pg, sql.SQL("select from {}({})").format(sql.Identifier(schema, name), sql.SQL(", ").join(values)))
    except errors.Error as error:
        return re.findall(r"[a-z_]+", f"{error.diag.message_hint}".partition(":")[2])
    pytest.fail(f"{schema}.{name} takes a dimension that there is none of")


def test_the_analyst_writes_nothing_and_is_nobody_else(db: Database, databases: Databases) -> None:
    with databases.admin(db).psycopg() as pg:
        [may] = pg.execute(
            f"""select array(
                    select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where {_OURS} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                        and (c.relkind <> 'S' and has_table_privilege('aclue_analyst', c.oid, 'insert, update, delete, truncate, trigger')
                            or c.relkind = 'S' and has_sequence_privilege('aclue_analyst', c.oid, 'usage, update'))
                    union all
                    select n.nspname from pg_namespace n where {_OURS} and has_schema_privilege('aclue_analyst', n.oid, 'create')
                    union all
                    select r.rolname from pg_roles r where r.rolname <> 'aclue_analyst' and pg_has_role('aclue_analyst', r.oid, 'member')
                    union all
                    select r.rolname from pg_roles r
                    where r.rolname = 'aclue_analyst' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)
                )"""
        ).fetchall()
    assert may == ([],)


def test_what_is_made_later_is_open_to_the_analyst_too(db: Database, databases: Databases) -> None:
    with db.psycopg() as pg:
        pg.execute("drop table analytics.revenue_daily, history.revenue_daily cascade")
        pg.execute("drop function history.commission_daily(timestamptz)")
        pg.execute(
            "delete from pipeline.tables where table_name in ('analytics.revenue_daily', 'analytics.commission_daily')"
        )
    derived.ensure_tables(db, CATALOG)
    analyst = logged_in(db, databases, roles.ANALYST)
    with analyst.psycopg() as pg:
        for relation in (
            "analytics.revenue_daily",
            "history.revenue_daily",
            "history.revenue_daily(now())",
            "history.commission_daily(now())",
        ):
            pg.execute(f"select from {relation}")
    analyst.close()
