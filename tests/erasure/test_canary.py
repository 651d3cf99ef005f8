"""A word is planted in every text, list, address and JSON of one person, everything is run, the person erased, everything run again:
then the words are looked for in every table, Dagster's event log, every file and log line."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from psycopg import errors, sql

from aclue_pipeline import schema
from aclue_pipeline.definitions import run_job
from aclue_pipeline.postgres import Database, Pg
from tests.conftest import Databases
from tests.erasure.test_clearing import found
from tests.support import published
from tests.support.catalogs import CATALOG
from tests.support.published import CLOSED, YESTERDAY, catch_up

pytestmark = [pytest.mark.database, pytest.mark.slow]
#: By the name of a type, a word as a value of it.
VALUES = {"text": "{0}", "character varying": "{0}", "jsonb": '{{"{0}": 1}}', "ARRAY": "{{{0}}}", "inet": "{1}"}
#: What events meet by: the word stands before what was there.
NAMES = ("session_id", "anonymous_id")
ADDRESS = "2001:db8::cafe:{}"


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with published.only_these_days():
        yield


def planted(admin: Pg, user: Any) -> dict[str, str]:
    """By the word, the column that it was planted in: whatever no constraint refuses."""
    tables = [
        table.key for table in CATALOG.tables.values() if table.room in ("app", "schema") and table.schema == "public"
    ]
    columns = admin.execute(
        """select table_schema || '.' || table_name, column_name, data_type from information_schema.columns c
           where (table_schema || '.' || table_name = any(%s) or table_schema = 'auth' and table_name = 'users') and data_type = any(%s)
               and exists (select from information_schema.columns u where (u.table_schema, u.table_name) = (c.table_schema, c.table_name)
                           and u.column_name = case when c.table_schema = 'auth' then 'id' else 'user_id' end)
           order by 1, 2""",
        [tables, list(VALUES)],
    ).fetchall()
    found = {}
    for n, (table, column, kind) in enumerate(columns):
        word = ADDRESS.format(n) if kind == "inet" else f"canary{n}x"
        target, name = sql.Identifier(*table.split(".")), sql.Identifier(column)
        whose = sql.Identifier("id" if table == "auth.users" else "user_id")
        value = sql.Literal(VALUES[kind].format(word, word))
        condition = sql.SQL("{} = {}").format(whose, sql.Literal(user))
        if column in NAMES:
            # One word for all tables, also where nobody was signed in yet.
            word = f"canary{column[0]}x"
            value = sql.SQL("{} || {}").format(sql.Literal(word), name)
            condition = sql.SQL("{} in (select {} from names)").format(name, name)
        if column == "order_id":
            old = sql.SQL("date_trunc('month', coalesce(conversion_timestamp, click_timestamp)) <= {}").format(
                sql.Literal(CLOSED)
            )
            condition = sql.SQL("{} and {}").format(condition, old)
        try:
            with admin.transaction():
                update = sql.SQL("update {} set {} = {} where {}").format(target, name, value, condition)
                if admin.execute(update).rowcount:
                    found[word] = f"{found[word]}, {table}.{column}" if word in found else f"{table}.{column}"
        except (errors.CheckViolation, errors.DataError):
            pass  # a closed list
    return found


def everything(db: Database, instance: dg.DagsterInstance) -> None:
    catch_up(db, full=True)
    for job in ("observe", "check_sources", "sync_facts", "refresh_preferences", "check_health"):
        run_job(job, instance, database=db, catalog=CATALOG)
    days = (YESTERDAY - timedelta(days=2), YESTERDAY)
    run_job("rebuild_revenue_and_funnel", instance, days, database=db, catalog=CATALOG, raise_on_error=False)


def test_of_an_erased_person_no_word_is_left_anywhere(
    databases: Databases, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    db = databases.copy("published_demo")
    admin = databases.admin(db)
    with admin.psycopg() as pg:
        [(user,)] = pg.execute(
            """select c.user_id from public.affiliate_clicks c join public.recommendation_feedback f using (user_id)
               join public.swipe_interactions s using (user_id) join public.session_analytics a using (user_id)
               where c.order_id is not null and a.anonymous_id <> '' group by 1 order by count(*) desc limit 1"""
        ).fetchall()
        pg.execute(
            """create temporary table names as
               select session_id, anonymous_id from public.session_analytics where user_id = %s
               union select session_id, anonymous_id from public.affiliate_clicks where user_id = %s
               union select session_id, null from public.product_views where user_id = %s""",
            [user, user, user],
        )
        words = planted(pg, user) | {str(user): "auth.users.id"}
    # Of rows that outlive the account, columns that are not tagged: what is published of everybody; and the algorithm's name, under which
    # recommendations stay published when their rows go with the account. The service writes it, no client.
    event_tables = ("public.affiliate_clicks", "public.session_analytics", "public.product_views")
    published_of_all = {column for column in words.values() if column.rpartition(".")[0] in event_tables}
    published_of_all.add("public.recommendations.algorithm_version")
    stays = {word: column for word, column in words.items() if column in published_of_all and not _is_tagged(column)}
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        everything(db, instance)
        schema.rollback(db)
        schema.deploy(db)
        with db.psycopg() as pg:
            for table in [*CATALOG.room("schema"), CATALOG.table("public.user_preferences")]:
                pg.execute(f"insert into {table.key} select * from aclue_retired_1.{table.name} on conflict do nothing")
        everything(db, instance)
        with admin.psycopg() as pg:
            seen = found(pg, list(words))
            assert seen.keys() == words.keys(), "what is looked for is found"
            assert any("aclue_retired_1" in column for columns in seen.values() for column in columns)
            pg.execute("delete from auth.users where id = %s", [user])
        run_job("clear_erased", instance, database=db, catalog=CATALOG)
        everything(db, instance)
        with admin.psycopg() as pg:
            left = found(pg, [word for word in words if word not in stays])
    assert {words[word]: columns for word, columns in left.items()} == {}
    logged = caplog.text + "".join(capfd.readouterr())
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(map(len, files.values())) > 100_000, "the event log is among them"
    for word, column in words.items():
        if word not in stays:
            assert word not in logged, column
            assert [path for path, content in files.items() if word.encode() in content] == [], column
    print("\nkept, since it is published and names nobody:", *sorted(stays.values()), sep="\n  ")


def _is_tagged(planted_in: str) -> bool:
    table, _, column = planted_in.rpartition(".")
    return any(one.pii for one in CATALOG.table(table.split(", ")[-1]).columns if one.name == column)
