"""The sensor as Dagster asks it, on a whole database: nothing is told of a healthy one, and every planted trouble once."""

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import sqlalchemy as sa
from dagster._core.instance_for_test import instance_for_test
from dagster._core.test_utils import create_run_for_test

from aclue_pipeline.alerts import standing
from aclue_pipeline.alerts.alert import judged
from aclue_pipeline.cli import main
from aclue_pipeline.definitions import build_defs
from aclue_pipeline.defs.alerts import sensor, sources
from aclue_pipeline.postgres import Database, script
from aclue_pipeline.settings import get_settings
from tests.alerts.conftest import Receiver
from tests.conftest import Databases
from tests.support.catalogs import CATALOG
from tests.support.troubles import run

pytestmark = pytest.mark.database

#: What somebody, or a flood, does to it, and the alert that it makes.
TROUBLES = {
    "contract:public.products": "alter table public.products rename column title to name",
    "freshness:public.recommendations": "insert into public.recommendations (created_at) values (now() - interval '9 days')",
    "drift:schema": "drop index public.idx_affiliate_clicks_user",
    "unused_indexes:public.queue_once": "create table public.queue (id int); insert into public.queue values (1), (1)",
    "swipes_as_usual:staging.swipes": """
        insert into public.swipe_interactions (swipe_timestamp, swipe_direction)
        select date_trunc('day', now() at time zone 'Europe/London') at time zone 'Europe/London' - interval '1 hour'
            - weeks * interval '7 days', 'left'
        from generate_series(0, 8) as weeks, generate_series(1, case weeks when 0 then 5000 else 40 end)""",
}


def test_where_no_address_is_named_the_sensor_says_so_and_asks_nobody(home: Path) -> None:
    context = dg.build_sensor_context(resources={"database": Database("postgresql://nobody@127.0.0.1:9/aclue")})
    ticked = sensor(CATALOG).evaluate_tick(context)
    assert ticked.skip_message == (
        "ACLUE_ALERT_URLS names no address: nobody is told; `aclue alerts` says what is wrong"
    )


@pytest.mark.slow
def test_what_a_room_cannot_judge_any_more_is_not_over(deployed_db: Database) -> None:
    with deployed_db.begin() as connection:
        script(connection, "drop table analytics.table_sizes cascade; drop function pipeline.as_usual")
        script(connection, "alter table public.recommendations rename column created_at to made_at")
        script(connection, "drop table public.swipe_sessions cascade")
    said = [one for source in sources(deployed_db, CATALOG, None) if source.judge for one in source.judge()]
    for key, end in {
        "table_growth:public.clicks": "",
        "vacuum:public.clicks": "over",
        "freshness:public.recommendations": "",
        "swipes_as_usual:staging.swipes": "",
        "removed:public.clicks": "gone",
    }.items():
        assert (key, judged(said).end_of(key)) == (key, end)
    assert [one.identity for one in said if one.severity != "info" and not one.evidence] == [], (
        "evidence is never empty"
    )
    gone = judged(said).wrong["contract:public.swipe_sessions"]
    assert (gone.sentence, "the column" in gone.remedy) == ("there is no such table", False)


@pytest.mark.slow
def test_however_many_statements_a_client_makes_up_they_are_one_alert_without_its_words(deployed_db: Database) -> None:
    """A client names the columns that it asks for: each name makes a statement of its own."""

    def asked(name: str) -> None:
        with psycopg.connect(deployed_db.url, autocommit=True) as pg:
            pg.execute(f'select pg_sleep(1) as "{name}"'.encode())
            pg.execute("select pg_stat_force_next_flush()")

    with ThreadPoolExecutor(15) as pool:
        list(pool.map(asked, ["ann@example.org", "one", "two"] * 5))
    [health] = [source for source in sources(deployed_db, CATALOG, None) if source.name == "health"]
    assert health.judge is not None
    [alert] = judged(health.judge()).wrong.values()
    assert (alert.key, "ann" in str(alert)) == ("slow_statements:statements", False)


@pytest.mark.slow
def test_nothing_is_told_of_a_healthy_database_and_each_planted_trouble_once(
    deployed_db: Database, databases: Databases, receiver: Receiver, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACLUE_ALERT_URLS", receiver.url())
    get_settings.cache_clear()
    admin, repository = databases.admin(deployed_db), build_defs(CATALOG).get_repository_def()
    with (
        instance_for_test() as instance,
        dg.build_sensor_context(instance, repository_def=repository, resources={"database": deployed_db}) as context,
    ):

        def tick() -> str | None:
            return sensor(CATALOG).evaluate_tick(context).skip_message

        assert (tick(), receiver.taken()) == ("nothing new to tell", [])
        create_run_for_test(instance, "observe", status=dg.DagsterRunStatus.FAILURE)
        with admin.begin() as connection:
            script(connection, ";".join([*TROUBLES.values(), "delete from pipeline.alert_sources"]))
        with admin.autocommit() as connection, pytest.raises(sa.exc.IntegrityError):
            connection.exec_driver_sql("create unique index concurrently queue_once on public.queue (id)")
        assert tick() == "nothing new to tell", "found once"
        for says in ("1. json://127.0.0.1: aclue: ", "nothing new to tell"):
            with admin.begin() as connection:
                script(
                    connection,
                    "delete from pipeline.alert_sources; update pipeline.alerts set began_at = began_at - interval '5 min'",
                )
            assert str(tick()).startswith(says)
    [told] = receiver.taken()
    planted = [*TROUBLES, "run:observe"]
    assert {key: told.count(f": {key}: ") for key in planted} == dict.fromkeys(planted, 1)
    assert told.startswith(f"aclue: {len(planted)} new")
    judges = sources(deployed_db, CATALOG, None)
    states = standing(deployed_db, judges)
    assert len(states) == len(planted)
    monkeypatch.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    get_settings.cache_clear()
    for remedy in (state.remedy for state in states):
        if remedy.startswith("aclue "):  # as pasted
            with pytest.raises(SystemExit) as ended:
                main([*shlex.split(remedy, comments=True)[1:], "--yes"])
            assert not ended.value.code
        elif remedy.startswith("drop index concurrently "):
            run(admin, remedy)
    of_others = {
        "contract:public.products",
        "freshness:public.recommendations",
        "swipes_as_usual:staging.swipes",
        "run:observe",
    }
    assert {state.key for state in standing(deployed_db, judges)} == of_others, "what a command mends is mended by it"
