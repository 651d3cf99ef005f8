"""When jobs run: ranges of days, clock changes, and that nothing starts by itself."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from aclue_pipeline import derived, preferences
from aclue_pipeline.definitions import build_defs
from aclue_pipeline.defs import automation, timetable
from aclue_pipeline.defs.tables import days
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.preferences.database import give_feedback
from tests.support.catalogs import CATALOG
from tests.support.statements import run

#: Nobody's runs.
INSTANCE = dg.DagsterInstance.local_temp()


def test_every_schedule_stands_still_until_somebody_starts_it() -> None:
    assert {schedule.default_status for schedule in automation.schedules(CATALOG)} == {dg.DefaultScheduleStatus.STOPPED}


def test_a_table_without_days_is_not_said_to_be_computed_by_days() -> None:
    said = {
        table.key: timetable.sentence(table.room, table.kind)
        for table in CATALOG.tables.values()
        if table.kind == "whole"
    }
    assert said["analytics.commission_monthly"].startswith("As a whole, each time that days are rebuilt")
    assert not any("the days that need it" in sentence or "backfill" in sentence for sentence in said.values())


def test_autostart_starts_every_schedule() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from aclue_pipeline.definitions import defs; d = defs(); "
         "print({s.default_status.value for s in (*d.schedules, *d.sensors)})"],
        env={**os.environ, "ACLUE_AUTOSTART": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "{'RUNNING'}"


def test_every_room_is_refreshed_by_one_job_and_its_assets_say_by_which() -> None:
    rooms = [room for entry in timetable.TIMETABLE for room in entry.rooms]
    assert sorted(rooms) == ["app", "funnel", "health", "preferences", "revenue", "schema"]
    graph = build_defs(CATALOG).resolve_asset_graph()
    for node in graph.asset_nodes:
        table = CATALOG.tables.get(".".join(node.key.path))
        kind = table.kind if table else ""
        assert timetable.sentence(str(node.group_name), kind) in (node.description or ""), node.key


def test_every_job_has_one_schedule_and_what_moves_tables_none() -> None:
    scheduled = [schedule.job_name for schedule in automation.schedules(CATALOG)]
    jobs = {job.name for job in build_defs(CATALOG).resolve_all_job_defs() if not job.name.startswith("__")}
    assert sorted(scheduled) == sorted(jobs - {f"{verb}_schema" for verb in ("deploy", "rollback", "restore", "purge")})


[NIGHTLY] = [schedule for schedule in automation.schedules(CATALOG) if schedule.name == "nightly_revenue_and_funnel"]


def ranges(tick: dg.RunRequest | dg.SkipReason | list[dg.RunRequest] | None) -> list[tuple[str, str]]:
    assert isinstance(tick, list)
    return [(request.tags[timetable.RANGE_START], request.tags[timetable.RANGE_END]) for request in tick]


def night(db: Database, at: str) -> Any:
    moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(get_settings().timezone))
    with dg.build_schedule_context(INSTANCE, scheduled_execution_time=moment, resources={"database": db}) as context:
        ticked = NIGHTLY.evaluate_tick(context)
        return ticked.run_requests or ticked.skip_message


@pytest.mark.database
@pytest.mark.parametrize(
    ("tick", "last"),
    [
        ("2026-11-24T04:30", "2026-11-23"),
        ("2026-03-29T04:30", "2026-03-28"),  # the night that loses an hour
        ("2026-03-30T04:30", "2026-03-29"),  # … the day of 23 hours
        ("2026-10-26T04:30", "2026-10-25"),  # … the day of 25 hours
    ],
)
def test_a_night_rebuilds_what_needs_it_up_to_yesterday(deployed_db: Database, tick: str, last: str) -> None:
    assert ranges(night(deployed_db, tick)) == [(get_settings().first_day.isoformat(), last)]


@pytest.mark.database
def test_days_far_apart_are_runs_of_their_own_and_where_nothing_is_needed_none_starts(
    deployed_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACLUE_FIRST_DAY", "2026-01-01")
    get_settings.cache_clear()
    first, last = date(2026, 1, 1), date(2026, 3, 31)
    tables = [*CATALOG.room("revenue", "daily"), *CATALOG.room("funnel", "daily")]
    [sensor, *_] = automation.sensors(CATALOG)

    def dirty() -> Any:
        with dg.build_sensor_context(INSTANCE, resources={"database": deployed_db}) as context:
            return sensor.evaluate_tick(context)

    before_yesterday = (derived.today(deployed_db) - timedelta(days=2)).isoformat()
    assert ranges(dirty().run_requests) == [("2026-01-01", before_yesterday)], "history; yesterday is the night's"
    derived.rebuild(deployed_db, CATALOG, tables, derived.span(first, last))
    assert night(deployed_db, "2026-04-01T04:30") == "no day needs to be rebuilt"
    history = ("2026-04-01", before_yesterday)
    assert ranges(dirty().run_requests) == [history]
    run(
        deployed_db,
        """insert into pipeline.dirty (table_name, day, cause) values
               ('analytics.revenue_daily', '2026-01-05', 'amount'), ('analytics.commission_daily', '2026-03-01', 'late conversion'),
               ('analytics.revenue_daily', '2026-03-04', 'late click')""",
    )
    expected = [("2026-01-05", "2026-01-05"), ("2026-03-01", "2026-03-04")]
    assert ranges(night(deployed_db, "2026-04-01T04:30")) == expected
    assert ranges(dirty().run_requests) == [history, *expected]
    keys = {request.run_key for request in dirty().run_requests}
    assert keys == {request.run_key for request in dirty().run_requests}, "the same marks start no second run"
    derived.rebuild(deployed_db, CATALOG, tables)
    assert night(deployed_db, "2026-04-01T04:30") == "no day needs to be rebuilt"


@pytest.mark.database
def test_feedback_that_waits_is_taken_in_by_one_run_and_none_starts_where_none_waits(databases: Databases) -> None:
    db = databases.copy("profiled_shop")
    [_, sensor, _] = automation.sensors(CATALOG)
    assert (sensor.job_name, sensor.default_status) == ("refresh_preferences", dg.DefaultSensorStatus.STOPPED)

    def tick(of: Database = db) -> Any:
        with dg.build_sensor_context(INSTANCE, resources={"database": of}) as context:
            return sensor.evaluate_tick(context)

    nothing = "no feedback waits"
    assert tick(databases.copy("deployed")).skip_message == nothing, "nobody has trained anything yet"
    assert tick().skip_message == nothing
    with db.begin() as connection:
        give_feedback(connection, 5, 6, 0.0)  # says nothing, so it waits for nothing
    assert tick().skip_message == nothing
    with db.begin() as connection:
        give_feedback(connection, 5, 6, -1.0)
    [first] = tick().run_requests
    assert first.run_key == tick().run_requests[0].run_key, "the same feedback starts no second run"
    with db.begin() as connection:
        give_feedback(connection, 5, 7, 1.0)
    assert first.run_key != tick().run_requests[0].run_key
    preferences.recalculate(db)
    assert tick().skip_message == nothing


def test_every_night_has_one_tick_even_when_clocks_change() -> None:
    schedule = NIGHTLY
    begin, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    ticks = schedule_execution_time_iterator(begin.timestamp(), schedule.cron_schedule, schedule.execution_timezone)
    nights = [tick.date() for tick in takewhile(lambda at: at < end, ticks)]
    assert len(nights) == len(set(nights)) == (end - begin).days


def test_partitions_are_the_reporting_zones_days_from_the_first_on() -> None:
    settings = get_settings()
    now = datetime(2026, 3, 30, 0, 30, tzinfo=UTC)  # 01:30 in London
    with dg.partition_loading_context(effective_dt=now):
        keys = days().get_partition_keys()
    assert keys[0] == settings.first_day.isoformat()
    assert keys[-1] == "2026-03-29"
    window = days().time_window_for_partition_key("2026-03-29")
    assert (window.end.timestamp() - window.start.timestamp()) / 3600 == 23
