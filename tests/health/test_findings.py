"""What all findings share: none in good health, what cannot be told says so and is no error, looking writes nothing."""

import re
from collections.abc import Iterator

import pytest

from aclue_pipeline import health
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.errors import NothingFound, SqlFileError
from aclue_pipeline.health import plans
from aclue_pipeline.health.findings import COLUMNS, LOOKS
from aclue_pipeline.postgres import SIGNATURE, Database, query, script
from aclue_pipeline.schema.roles import DEPLOYER, PIPELINE
from tests.conftest import Databases
from tests.health.conftest import measured_last_week
from tests.support.catalogs import CATALOG
from tests.support.troubles import by_others, judged, lines, run

pytestmark = pytest.mark.database

FINDINGS = [
    *("bloat", "blockers", "cache_hits", "connections", "database_growth", "duplicate_indexes", "missing_indexes"),
    *("policy_costs", "sequential_scans", "slow_statements", "table_growth", "unused_indexes", "vacuum"),
]


def test_a_database_in_good_health_has_no_findings(deployed_db: Database) -> None:
    measured_last_week(deployed_db)
    assert judged(deployed_db) == []


def test_growth_cannot_be_told_before_a_week_of_measuring(deployed_db: Database) -> None:
    [finding] = judged(deployed_db, "table_growth")
    assert (finding.severity, finding.object) == ("info", "analytics.table_sizes")
    assert "nothing to judge yet: sizes are measured since never" in finding.sentence
    assert health.measure(deployed_db, CATALOG) == health.measure(deployed_db, CATALOG) > 10
    assert lines(judged(deployed_db)) == [("table_growth", "info", "analytics.table_sizes")]


def test_a_database_that_knows_nothing_of_us_is_only_read(empty_db: Database) -> None:
    found = judged(empty_db)
    assert lines(found) == [
        ("database_growth", "not judged", "analytics.database_growth"),
        ("table_growth", "not judged", "analytics.table_growth"),
    ]
    assert all("does not exist" in one.sentence and "check_health" in one.remedy for one in found)
    with empty_db.begin() as connection:
        assert query(connection, "select 1 from pg_namespace where nspname = 'analytics'") == []


# --- what cannot be told ----------------------------------------------------------------------------------------------


def test_without_the_extension_what_others_run_is_not_judged(deployed_db: Database, databases: Databases) -> None:
    run(databases.admin(deployed_db), "drop extension pg_stat_statements")
    found = [one for one in judged(deployed_db) if one.check != "table_growth"]
    assert lines(found) == [
        ("sequential_scans", "not judged", "pg_stat_statements"),
        ("slow_statements", "not judged", "pg_stat_statements"),
    ]
    for finding in found:
        assert "the extension pg_stat_statements is not installed" in finding.sentence
        assert finding.remedy.startswith("create extension pg_stat_statements")


def test_the_extension_may_stand_in_any_schema(deployed_db: Database, databases: Databases) -> None:
    admin = databases.admin(deployed_db)
    run(admin, 'create schema "Odd one"', 'alter extension pg_stat_statements set schema "Odd one"')
    run(admin, 'grant usage on schema "Odd one" to postgres')
    by_others(deployed_db, "select pg_sleep(0.11)", times=5)
    [finding] = judged(deployed_db, "slow_statements", "sequential_scans", "cache_hits")
    assert health.severity(finding) == "warn"
    assert """select "Odd one".pg_stat_statements_reset(0, 0, """ in finding.remedy


@pytest.fixture
def unprivileged(deployed_db: Database, databases: Databases) -> Iterator[Database]:
    """The same database, as a role that was given nothing but what the pipeline's has (`aclue roles`)."""
    admin = databases.admin(deployed_db)
    run(
        admin,
        "create role aclue_test_looker login password 'x'",
        "grant usage on schema analytics, pipeline to aclue_test_looker",
        "grant select on all tables in schema analytics, pipeline to aclue_test_looker",
    )
    looker = Database(re.sub("//postgres:[^@]*@", "//aclue_test_looker:x@", deployed_db.url))
    yield looker
    looker.close()
    run(admin, "drop owned by aclue_test_looker", "drop role aclue_test_looker")


def test_what_a_role_may_not_see_is_not_judged_and_the_grant_is_named(
    unprivileged: Database, databases: Databases, deployed_db: Database
) -> None:
    def remedies() -> dict[str, str]:
        found = [one for one in judged(unprivileged) if one.check != "table_growth"]
        assert {one.outcome for one in found} <= {"not judged"}
        return {one.check: one.remedy for one in found}

    admin = databases.admin(deployed_db)
    stats = "grant pg_read_all_stats to aclue_test_looker -- as an administrator"
    enter = "grant usage on schema extensions to aclue_test_looker; grant select on extensions.pg_stat_statements to aclue_test_looker"
    statements = dict.fromkeys(["sequential_scans", "slow_statements"], f"{enter} -- as an administrator")
    assert remedies() == {"connections": stats} | statements
    run(admin, *enter.split("; "))
    assert remedies() == dict.fromkeys(["connections", "sequential_scans", "slow_statements"], stats)
    run(admin, stats)
    assert remedies() == {}
    run(
        admin,
        "create table public.hidden as select repeat('x', 1900) as line from generate_series(1, 17000)",
        "analyze public.hidden",
        "revoke pg_read_all_stats from aclue_test_looker",
    )
    [finding] = judged(unprivileged, "bloat")
    assert (finding.outcome, finding.object) == ("not judged", "pg_stats")
    assert finding.remedy == "grant select on public.hidden to aclue_test_looker"


def test_a_table_of_sizes_that_is_not_ours_is_not_judged(deployed_db: Database, databases: Databases) -> None:
    """Not allowed to read what is remembered: the other findings are still there."""
    with databases.admin(deployed_db).begin() as connection:
        script(connection, "alter table analytics.table_sizes owner to supabase_admin")
    assert [one[:2] for one in lines(judged(deployed_db))] == [
        ("database_growth", "not judged"),
        ("table_growth", "not judged"),
    ]


# --- shape ------------------------------------------------------------------------------------------------------------


def test_all_findings_have_the_same_columns_and_can_be_put_together(deployed_db: Database) -> None:
    names = health.looks(CATALOG)
    assert sorted(names) == FINDINGS
    union = " union all ".join(f"select {', '.join(COLUMNS)} from {table.key}" for table in names.values())
    with deployed_db.psycopg() as pg:
        cursor = pg.execute(union)
        assert [column.name for column in cursor.description or ()] == list(COLUMNS)


def test_what_is_ours_is_told_by_the_same_signs_everywhere() -> None:
    """A view cannot be told them."""
    for text in (*(health.looks(CATALOG)[name].sql for name in ("slow_statements", "cache_hits")), plans._OTHERS):
        assert f"like '%{SIGNATURE}%'" in text.replace("%%", "%")
        assert f"in ('{PIPELINE}', '{DEPLOYER}')" in text


def test_looking_asks_no_more_where_there_are_more_tables(deployed_db: Database, databases: Databases) -> None:
    """What it costs on thousands, benchmarks/health.py measures."""
    admin = databases.admin(deployed_db)

    def asked() -> int:
        counted = """select sum(calls) from extensions.pg_stat_statements
            where dbid = (select oid from pg_database where datname = current_database())"""
        with admin.psycopg() as pg:
            before = pg.execute(counted).fetchall()[0][0]
            judged(deployed_db)
            return int(pg.execute(counted).fetchall()[0][0] - before)

    judged(deployed_db)
    few = asked()
    many = [f"create table public.t{n} as select {n} as id; create index on public.t{n} (id)" for n in range(30)]
    by_others(deployed_db, "; ".join(many))
    assert asked() == few


def test_a_name_that_is_no_finding_is_one_sentence(deployed_db: Database) -> None:
    with pytest.raises(NothingFound, match="there is no finding swelling; there are"):
        health.examine(deployed_db, CATALOG, ["swelling"])


@pytest.mark.slow
def test_a_new_finding_is_one_file(deployed_db: Database, tmp_path) -> None:
    import shutil

    root = tmp_path / "sql"
    shutil.copytree(CATALOG.root, root)
    text = """-- One row per table without a primary key.
-- kind: view
-- grain: object
-- owner: team:data
select
    'keyless' as finding,                       -- Name of the finding: the file's.
    'warn' as severity,                         -- Always warn.
    format('%I.%I', n.nspname, c.relname)::text as object,      -- Schema and name of the table.
    'has no primary key' as detail,             -- What was found, as a sentence.
    '{}'::jsonb as evidence,                    -- Nothing more to say.
    'add one' as remedy                         -- What to do.
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname = 'public'
    and not exists (select 1 from pg_catalog.pg_index as i where i.indrelid = c.oid and i.indisprimary)
"""
    (root / "health" / "keyless.sql").write_text(text)
    run(deployed_db, "create table public.notes (note text)")
    [finding] = health.examine(deployed_db, Catalog.load(root), ["keyless"])
    assert (finding.severity, finding.object) == ("warn", "public.notes")
    (root / "health" / "keyless.sql").write_text(text.replace("as detail,", "as details,"))
    with pytest.raises(SqlFileError, match=r"keyless.sql: a finding yields finding, severity"):
        health.looks(Catalog.load(root))


def test_what_python_finds_is_kept_as_it_was_found_last(deployed_db: Database) -> None:
    run(
        deployed_db,
        "create table public.few (id int, user_id uuid)",
        "alter table public.few enable row level security",
        "create policy own on public.few using (user_id = auth.uid())",
    )
    table = health.looks(CATALOG)["policy_costs"]
    for _ in range(2):
        health.keep(deployed_db, table, judged(deployed_db, "policy_costs"))
        with deployed_db.psycopg() as pg:
            asked = "select finding, severity, object from analytics.policy_costs"
            assert pg.execute(asked).fetchall() == [("policy_costs", "info", "public.few: own")]
    assert {t.name for t in health.looks(CATALOG).values() if t.kind == "python"} == set(LOOKS)
