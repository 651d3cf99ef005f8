"""Statements of others that are slow, or that read a large table whole: found, told without their values, and never our own."""

import threading

import pytest
import sqlalchemy as sa

from aclue_pipeline import health
from aclue_pipeline.derived.statement import filled
from aclue_pipeline.postgres import SIGNATURE, Database
from tests.support.catalogs import CATALOG
from tests.support.troubles import by_others, judged, run

pytestmark = pytest.mark.database


def texts(admin: Database, like: str) -> list[str]:
    with admin.psycopg() as pg:
        asked = """select query from extensions.pg_stat_statements
            where dbid = (select oid from pg_database where datname = current_database())"""
        return [text for (text,) in pg.execute(asked) if like in text and "pg_stat_statements" not in text]


def test_a_statement_that_is_slow_each_time_is_found_a_single_long_one_is_not(db: Database) -> None:
    by_others(db, "select pg_sleep(0.3), 'once'")
    assert judged(db, "slow_statements") == []
    by_others(db, "/* a report for ann@example.org */ select 'Ann''s gift', pg_sleep(0.11) -- Ann", times=5)
    [finding] = judged(db, "slow_statements")
    assert health.severity(finding) == "warn"
    assert finding.evidence["calls"] == 5
    assert 110 <= finding.evidence["mean_ms"] < 1000
    assert "pg_sleep" in finding.sentence
    assert "ann" not in str(finding).lower(), "values of a statement are nobody's business, nor what a comment says"
    by_others(db, finding.remedy)
    assert judged(db, "slow_statements") == []


def test_our_own_statements_are_signed_whichever_way_they_are_sent_and_are_no_findings(
    db: Database, admin: Database
) -> None:
    run(db, *["select pg_sleep(0.11) as ours"] * 5)
    quick = "select pg_sleep(0.0) as ours, '{}'"
    with db.begin() as connection:
        connection.execute(sa.text(quick.format("a") + ", 1"))
        connection.exec_driver_sql(quick.format("b") + ", 1, 2;")
    with db.psycopg() as pg:
        pg.execute(quick.format("c").encode() + b", 1, 2, 3")
        pg.execute(filled(pg, f"{quick.format('d')}, 1, 2, 3, 4; {quick.format('e')}, 1, 2, 3, 4, 5;", {}))
    with db.apart() as pg:
        pg.cursor().executemany("select pg_sleep(%s) as ours, 1, 2, 3, 4, 5, 6, 7", [[0.0]])
    signed = [text for text in texts(admin, "ours") if text.endswith(SIGNATURE)]
    assert len(signed) == 7
    assert judged(db, "slow_statements") == []


@pytest.mark.slow
def test_a_statement_that_is_slow_now_and_then_is_found_one_bad_run_is_not(db: Database) -> None:
    by_others(db, "select pg_sleep(0.0), 'varies'", times=100)
    by_others(db, "select pg_sleep(0.6), 'varies'")
    assert judged(db, "slow_statements") == []
    sleepers = [threading.Thread(target=by_others, args=(db, "select pg_sleep(0.6), 'varies'")) for _ in range(6)]
    for sleeper in sleepers:
        sleeper.start()
    for sleeper in sleepers:
        sleeper.join()
    [finding] = judged(db, "slow_statements")
    assert " ms on average, but up to 6" in finding.sentence
    assert finding.evidence["deviation_ms"] > 2 * finding.evidence["mean_ms"]
    by_others(db, finding.remedy)


def test_a_value_that_the_server_kept_is_not_shown(db: Database, admin: Database) -> None:
    """It keeps them of what is no query (not shown at all), and of a query that was forgotten between planning and running."""
    by_others(
        db,
        "create role aclue_test_secret password 'hunter2'",
        "do $$ begin perform pg_sleep(0.11), 'hunter2'; end $$",
        "explain analyze select pg_sleep(0.11), 'hunter2'",
        times=1,
    )
    by_others(db, "explain analyze select pg_sleep(0.11), 'hunter2'", times=5)
    run(admin, "drop role aclue_test_secret")
    assert judged(db, "slow_statements") == []
    text = health.looks(CATALOG)["slow_statements"].sql.replace("from %s", "from pg_temp.kept as %s")
    with db.psycopg() as pg:
        pg.execute("create temporary table kept as select * from extensions.pg_stat_statements limit 0")
        pg.execute(
            """insert into kept (dbid, userid, queryid, toplevel, calls, rows, total_exec_time, max_exec_time, stddev_exec_time, query)
               select oid, 10, 7, true, 9, 9, 9000, 1000, 0,
                   '-- ann' || chr(10) || 'select /* for ann */ c1, /* ** */ 4711, E''it\\''s hunter2'', $1 from t2 where x = ''ann''''s'''
               from pg_database where datname = current_database()"""
        )
        [row] = pg.execute(
            text.replace("as %s", "as kept").replace("s.relation\n        )", "''\n        )")
        ).fetchall()
    assert row[4]["query"] == "select c1, ?, E…"


# --- whole reads ------------------------------------------------------------------------------------------------------

BIG = """create table public.letters as
select n as id, mod(n, 5000) as box, md5(n::text)::varchar(40) as "Word", now() - n * interval '1 min' as sent_at
from generate_series(1, 100000) n"""


@pytest.fixture(scope="module")
def letters(db: Database) -> Database:
    run(db, BIG, "analyze public.letters", "grant select on public.letters to authenticated")
    return db


def test_what_an_index_would_spare_others_is_found_until_there_is_one(letters: Database) -> None:
    asked = """select * from public.letters where box = 7 and "Word" = 'x' and sent_at > now() - interval '1 min' limit 900"""
    by_others(letters, asked, times=19)
    assert judged(letters, "sequential_scans") == []
    by_others(letters, asked)
    [finding] = judged(letters, "sequential_scans")
    assert (health.severity(finding), finding.object) == ("warn", 'public.letters (box, "Word", sent_at)')
    assert finding.sentence.startswith("no index finds the rows, so that all 100000 are read by statement ")
    assert finding.evidence["calls"] == 20
    run(letters, finding.remedy)
    assert judged(letters, "sequential_scans") == []


def test_a_table_that_others_read_whole_for_good_reasons_is_found_what_we_read_whole_is_not(
    letters: Database, admin: Database
) -> None:
    run(letters, *["select count(*) from public.letters"] * 20)
    by_others(letters, "select * from public.letters limit 1", times=20)
    assert judged(letters, "sequential_scans") == []
    by_others(letters, "set role authenticated", *["select count(*), 'by a client' from public.letters"] * 20)
    [finding] = judged(letters, "sequential_scans")
    assert finding.object == "public.letters"
    assert " of authenticated (20 times)" in finding.sentence
    run(admin, "select extensions.pg_stat_statements_reset()")


@pytest.mark.slow
def test_row_level_security_is_part_of_a_plan(letters: Database, admin: Database) -> None:
    """What a client asks for is all; what it is shown is found by an index."""
    run(
        letters,
        "create table public.own as select id, md5(mod(id, 5000)::text)::uuid as user_id from public.letters",
        "create index on public.own (user_id)",
        "alter table public.own enable row level security",
        "create policy own on public.own to authenticated using (user_id = (select auth.uid()))",
        "grant select on public.own to authenticated",
        "analyze public.own",
    )
    by_others(letters, "set role authenticated", *["select * from public.own"] * 20)
    assert judged(letters, "sequential_scans") == []
    by_others(letters, *["select * from public.own"] * 20)
    assert [one.object for one in judged(letters, "sequential_scans")] == ["public.own"]
    run(admin, "select extensions.pg_stat_statements_reset()")


def test_looking_at_a_plan_runs_nothing_and_is_no_more_than_who_ran_it(letters: Database, admin: Database) -> None:
    """Neither a statement of others that writes, nor with our rights what planning evaluates: a stranger's function, which refuses here
    to be anybody's but the client's."""
    run(
        letters,
        "create table public.seen (who text)",
        "grant insert on public.seen to authenticated",
        """create function public.trap() returns int language plpgsql immutable as
           $$ begin if current_user <> 'authenticated' then raise 'seen'; end if; return -1; end $$""",
    )
    writes = "insert into public.seen select 'x' from public.letters where id = public.trap()"
    by_others(letters, "set role authenticated", *[writes] * 20)
    assert [one.object for one in judged(letters, "sequential_scans")] == ["public.letters (id)"]
    with letters.psycopg() as pg:
        assert pg.execute("select count(*) from public.seen").fetchone() == (0,)
        assert pg.execute("select count(*) from pg_prepared_statements").fetchone() == (0,)
        assert pg.execute("select current_user").fetchone() == ("postgres",)
    run(admin, "select extensions.pg_stat_statements_reset()")


@pytest.mark.slow
def test_an_index_by_time_that_our_own_days_lack_is_found(letters: Database, admin: Database) -> None:
    """The one by user and time has to be read from end to end."""
    with admin.psycopg() as pg:
        pg.execute("set local session_replication_role = replica")
        pg.execute(
            """insert into public.recommendations (user_id, created_at)
               select md5(mod(n, 20000)::text)::uuid, now() - n * interval '90 s' from generate_series(1, 100000) n"""
        )
    run(admin, "analyze public.recommendations")
    [finding] = judged(letters, "sequential_scans")
    assert (health.severity(finding), finding.object) == ("warn", "public.recommendations (created_at)")
    assert "aclue's recommendation_performance_daily" in finding.sentence
    assert finding.remedy == "create index concurrently on public.recommendations (created_at)"
    run(letters, finding.remedy)
    assert judged(letters, "sequential_scans") == []
