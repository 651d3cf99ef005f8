"""Each finding provoked for real, and nothing else found; what cannot be told says so and is no error."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from aclue_pipeline import health
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.checks import Judgement
from aclue_pipeline.errors import NothingFound, SqlFileError
from aclue_pipeline.health.findings import COLUMNS
from aclue_pipeline.postgres import Database, query, script
from tests.conftest import Databases
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database

UNUSED = """
create table public.parcels (id bigint primary key, label text, box bigint references public.parcels);
insert into public.parcels select n, repeat(md5(n::text), 8), null from generate_series(1, 40000) n;
create index parcels_label on public.parcels (label);
create index parcels_box on public.parcels (box, label);
"""
READ = "do $$ begin for n in 1..120 loop perform from public.parcels p where p.id = n; end loop; end $$"


@pytest.fixture
def db(deployed_db: Database) -> Iterator[Database]:
    """A deployed database whose sizes were measured eight days ago."""
    health.measure(deployed_db, CATALOG)
    with deployed_db.begin() as connection:
        script(
            connection, "update analytics.table_sizes set day = day - 8, measured_at = measured_at - interval '8 days'"
        )
    return deployed_db


def run(db: Database, *statements: str) -> None:
    """Each statement by itself; the statistics of it are there when this returns."""
    with db.autocommit() as connection:
        for statement in (*statements, "select pg_stat_force_next_flush()"):
            connection.exec_driver_sql(statement)
    db.close()


def judged(db: Database, *names: str) -> list[Judgement]:
    return health.examine(db, CATALOG, names)


def found(db: Database, *names: str) -> list[tuple[str, str, str]]:
    return [
        (one.check, one.severity if one.outcome == "failed" else one.outcome, one.object) for one in judged(db, *names)
    ]


def test_a_database_in_good_health_has_no_findings(db: Database) -> None:
    assert health.examine(db, CATALOG) == []


def test_a_slow_statement_is_found_a_single_long_one_is_not(db: Database) -> None:
    run(db, "select pg_sleep(0.3), 'once'")
    assert found(db) == []
    run(db, *["/* a report */ select 'Ann''s gift', pg_sleep(0.11)"] * 5)
    [finding] = health.examine(db, CATALOG)
    assert (finding.check, finding.severity) == ("slow_statements", "warn")
    assert finding.evidence["calls"] == 5
    assert 110 <= finding.evidence["mean_ms"] < 1000
    assert "pg_sleep" in finding.sentence
    assert "Ann" not in str(finding), "values of a statement are nobody's business"


def test_an_unused_index_is_found_one_of_a_key_is_not(db: Database) -> None:
    run(db, *filter(str.strip, UNUSED.split(";")))
    assert found(db) == [], "nobody has read the table yet"
    run(db, READ)
    [finding] = health.examine(db, CATALOG)
    assert (finding.check, finding.severity, finding.object) == ("unused_indexes", "info", "public.parcels_label")
    assert finding.evidence["reads_of_table"] >= 120
    assert "drop index concurrently public.parcels_label" in finding.remedy


def test_an_unused_index_that_says_what_it_is_for_is_taken_out_of_its_script_first(db: Database) -> None:
    run(db, *filter(str.strip, UNUSED.split(";")), "comment on index public.parcels_label is 'Serves labels.'", READ)
    [finding] = health.examine(db, CATALOG)
    assert finding.sentence.endswith("Its comment: Serves labels.")
    assert "take it out of its script" in finding.remedy


def test_an_index_by_time_that_a_large_table_of_the_app_lacks_is_found(db: Database) -> None:
    run(
        db,
        "insert into public.recommendations (created_at) select now() - n * interval '1 s' from generate_series(1, 100000) n",
        "analyze public.recommendations",
    )
    [finding] = judged(db, "missing_indexes")
    assert (finding.severity, finding.object) == ("warn", "public.recommendations.created_at")
    assert finding.remedy == "create index concurrently on public.recommendations (created_at)"
    run(db, finding.remedy)
    assert found(db, "missing_indexes") == []


def test_an_invalid_index_is_found(db: Database) -> None:
    run(db, 'create table public."Twins" (id int)', 'insert into public."Twins" values (1), (1)')
    with pytest.raises(sa.exc.IntegrityError):
        run(db, 'create unique index concurrently twins_id on public."Twins" (id)')
    [finding] = health.examine(db, CATALOG)
    assert (finding.check, finding.severity, finding.object) == ("unused_indexes", "error", "public.twins_id")
    assert 'public."Twins"' in finding.sentence
    run(db, "drop index concurrently public.twins_id")
    assert found(db) == []


def test_a_grown_table_is_found_with_its_pace(db: Database) -> None:
    run(
        db,
        "create table public.log (line text)",
        "insert into analytics.table_sizes (day, table_name, total_bytes, measured_at) "
        "values (current_date - 14, 'public.log', 10000000, now() - interval '14 days')",
        "alter table public.log alter line set storage plain",
        "insert into public.log select repeat('x', 2000) from generate_series(1, 24000)",
    )
    [finding] = health.examine(db, CATALOG)
    assert (finding.check, finding.severity, finding.object) == ("table_growth", "warn", "public.log")
    assert finding.sentence.startswith("grew from 9766 kB to ")
    assert finding.sentence.endswith(" in 14 days")
    now = finding.evidence["bytes"]
    assert finding.evidence["bytes_a_day"] == pytest.approx((now - 10_000_000) / 14, rel=1e-3)


def test_a_table_that_grew_no_faster_than_its_size_allows_is_not_found(db: Database) -> None:
    run(
        db,
        "create table public.log (line text)",
        "insert into analytics.table_sizes (day, table_name, total_bytes, measured_at) "
        "values (current_date - 70, 'public.log', 10000000, now() - interval '70 days')",
        "alter table public.log alter line set storage plain",
        "insert into public.log select repeat('x', 2000) from generate_series(1, 24000)",
    )
    assert found(db) == []


def test_a_table_full_of_dead_rows_is_found(db: Database) -> None:
    run(db, "create table public.queue (id int) with (autovacuum_enabled = off)")
    run(db, "insert into public.queue select generate_series(1, 120000)", "delete from public.queue where id > 100")
    [finding] = health.examine(db, CATALOG)
    assert (finding.check, finding.severity, finding.object) == ("table_growth", "error", "public.queue")
    assert finding.remedy.startswith("vacuum (analyze) public.queue")
    run(db, "vacuum (analyze) public.queue")
    assert found(db) == []


# --- what cannot be told ----------------------------------------------------------------------------------------------


def test_growth_cannot_be_told_before_a_week_of_measuring(deployed_db: Database) -> None:
    [finding] = health.examine(deployed_db, CATALOG, ["table_growth"])
    assert (finding.severity, finding.object) == ("info", "analytics.table_sizes")
    assert "nothing to judge yet: sizes are measured since never" in finding.sentence
    assert health.measure(deployed_db, CATALOG) == health.measure(deployed_db, CATALOG) > 10
    [finding] = health.examine(deployed_db, CATALOG, ["table_growth"])
    assert finding.severity == "info"


def test_a_database_that_knows_nothing_of_us_is_only_read(empty_db: Database) -> None:
    [finding] = health.examine(empty_db, CATALOG)
    assert (finding.check, finding.outcome) == ("table_growth", "not judged")
    assert 'relation "analytics.table_sizes" does not exist' in finding.sentence
    with empty_db.begin() as connection:
        assert query(connection, "select 1 from pg_namespace where nspname = 'analytics'") == []


def test_without_the_extension_slow_statements_are_not_judged(db: Database, databases: Databases) -> None:
    run(databases.admin(db), "drop extension pg_stat_statements")
    [finding] = health.examine(db, CATALOG)
    assert (finding.check, finding.outcome) == ("slow_statements", "not judged")
    assert finding.sentence == "the extension pg_stat_statements is not installed"
    assert finding.remedy.startswith("create extension pg_stat_statements")


def test_the_extension_may_stand_in_any_schema(db: Database, databases: Databases) -> None:
    run(databases.admin(db), 'create schema "Odd one"', 'alter extension pg_stat_statements set schema "Odd one"')
    run(databases.admin(db), 'grant usage on schema "Odd one" to postgres')
    run(db, *["select pg_sleep(0.11)"] * 5)
    assert [one[:2] for one in found(db)] == [("slow_statements", "warn")]


@pytest.mark.parametrize(
    ("hide", "reason"),
    [
        (None, "this role sees its own statements only"),
        ("revoke select on extensions.pg_stat_statements from public", "this role may not read pg_stat_statements"),
    ],
)
def test_a_role_that_may_not_look_is_told_so(db: Database, databases: Databases, hide: str | None, reason: str) -> None:
    if hide:
        run(databases.admin(db), hide)
    with db.psycopg() as pg:
        pg.execute("set local role authenticated")
        [row] = pg.execute(health.looks(CATALOG)["slow_statements"].sql).fetchall()
    assert row[1:4] == ("not judged", "pg_stat_statements", reason)
    assert row[5] == "grant pg_read_all_stats to authenticated (as an administrator)"


def test_a_locked_table_of_sizes_is_not_judged(db: Database, databases: Databases) -> None:
    """Not allowed to read what is remembered: the other findings are still there."""
    with databases.admin(db).begin() as connection:
        script(connection, "alter table analytics.table_sizes owner to supabase_admin")
    assert found(db) == [("table_growth", "not judged", "analytics.table_growth")]


# --- shape ------------------------------------------------------------------------------------------------------------


def test_all_findings_have_the_same_columns_and_can_be_put_together(db: Database) -> None:
    names = health.looks(CATALOG)
    assert sorted(names) == ["missing_indexes", "slow_statements", "table_growth", "unused_indexes"]
    union = " union all ".join(f"select * from {table.key}" for table in names.values())
    with db.psycopg() as pg:
        cursor = pg.execute(union)
        assert [column.name for column in cursor.description or ()] == list(COLUMNS)


def test_a_name_that_is_no_finding_is_one_sentence(db: Database) -> None:
    with pytest.raises(NothingFound, match="there is no finding bloat; there are"):
        health.examine(db, CATALOG, ["bloat"])


@pytest.mark.slow
def test_a_new_finding_is_one_file(db: Database, tmp_path) -> None:
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
    run(db, "create table public.notes (note text)")
    [finding] = health.examine(db, Catalog.load(root), ["keyless"])
    assert (finding.severity, finding.object) == ("warn", "public.notes")
    (root / "health" / "keyless.sql").write_text(text.replace("as detail,", "as details,"))
    with pytest.raises(SqlFileError, match=r"keyless.sql: a finding yields finding, severity"):
        health.looks(Catalog.load(root))


def test_asking_writes_nothing(db: Database) -> None:
    with db.psycopg() as pg:
        pg.execute("set transaction read only")
        for look in health.looks(CATALOG).values():
            pg.execute(look.sql)
