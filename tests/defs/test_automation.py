"""When jobs run: ranges of days, clock changes, and that nothing starts by itself."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from aclue_pipeline.defs import automation
from aclue_pipeline.defs.daily import days
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG


def test_every_schedule_stands_still_until_somebody_starts_it() -> None:
    assert {schedule.default_status for schedule in automation.schedules()} == {dg.DefaultScheduleStatus.STOPPED}


def test_autostart_starts_every_schedule() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from aclue_pipeline.defs import automation as a; print({s.default_status.value for s in a.schedules()})"],
        env={**os.environ, "ACLUE_AUTOSTART": "1"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "{'RUNNING'}"


def test_every_job_has_one_schedule_and_deploying_none() -> None:
    scheduled = sorted(schedule.job_name for schedule in automation.schedules())
    assert scheduled == sorted(job.name for job in automation.jobs(CATALOG))
    assert len(set(scheduled)) == len(scheduled)


[NIGHTLY] = [schedule for schedule in automation.schedules() if schedule.name == "nightly_revenue_and_funnel"]


def nightly(at: datetime) -> dg.RunRequest:
    context = dg.build_schedule_context(scheduled_execution_time=at)
    [request] = NIGHTLY.evaluate_tick(context).run_requests or []
    return request


@pytest.mark.parametrize(
    ("tick", "last"),
    [
        ("2026-11-24T04:30", date(2026, 11, 23)),
        ("2026-03-29T04:30", date(2026, 3, 28)),  # the night that loses an hour
        ("2026-03-30T04:30", date(2026, 3, 29)),  # … the day of 23 hours
        ("2026-10-26T04:30", date(2026, 10, 25)),  # … the day of 25 hours
    ],
)
def test_a_night_rebuilds_the_trailing_days_up_to_yesterday(tick: str, last: date) -> None:
    settings = get_settings()
    request = nightly(datetime.fromisoformat(tick).replace(tzinfo=ZoneInfo(settings.timezone)))
    first = last - timedelta(days=settings.trailing_days - 1)
    assert request.tags[automation.RANGE_START] == first.isoformat()
    assert request.tags[automation.RANGE_END] == last.isoformat()


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


def test_a_range_cannot_begin_before_the_first_day(monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = automation.trailing_range(get_settings().first_day + timedelta(days=3))
    assert (first, last) == (get_settings().first_day, get_settings().first_day + timedelta(days=3))
