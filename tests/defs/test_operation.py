"""Half an hour of a night by a moved clock: Dagster's own daemon ticks schedules, sensors and conditions, every run does its work."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dagster._core.test_utils import freeze_time
from dagster._scheduler.scheduler import launch_scheduled_runs

from aclue_pipeline.defs.timetable import DRIFT, REBUILD, REFRESH, SYNC
from aclue_pipeline.derived import missing_days
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.settings import LOCATION, get_settings
from tests.conftest import Databases
from tests.support import daemon as support
from tests.support.catalogs import CATALOG

pytestmark = [pytest.mark.database, pytest.mark.slow]

#: The last one: what it rebuilds is over by the server's clock, too, and yesterday no sensor takes.
NIGHT = datetime.now(ZoneInfo("Europe/London")).replace(second=0, microsecond=0)


@pytest.fixture
def daemon(deployed_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[support.Daemon]:
    monkeypatch.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    monkeypatch.setenv("ACLUE_FIRST_DAY", (NIGHT.date() - timedelta(days=3)).isoformat())
    monkeypatch.setenv("ACLUE_AUTOSTART", "1")
    get_settings.cache_clear()
    support._defs.cache_clear()
    with support.daemon(tmp_path, storage=None, run_launcher=support.AT_ONCE) as daemon:
        yield daemon
    monkeypatch.undo()
    get_settings.cache_clear()
    support._defs.cache_clear()


def test_a_night_computes_each_day_once_and_what_follows_a_source_starts_where_it_changed_and_else_does_not(
    daemon: support.Daemon, deployed_db: Database, databases: Databases
) -> None:
    seen: set[str] = set()

    def started(*minutes: int) -> Counter[str]:
        """The runs, by job, that began with these ticks after four, without those that look and tell."""
        for minute in minutes:
            daemon.tick(NIGHT.replace(hour=4, minute=minute).astimezone(UTC))
        new = [run for run in daemon.instance.get_runs() if run.run_id not in seen]
        seen.update(run.run_id for run in new)
        assert [run.job_name for run in new if not run.is_success] == []
        ours = {"__ASSET_JOB": "follow_sources", **{job: job for job in (REBUILD.job, REFRESH.job, SYNC.job)}}
        return Counter(ours[run.job_name] for run in new if run.job_name in ours)

    assert started(14) == {"follow_sources": 1, REBUILD.job: 1}, "nothing is there yet, not even of history"
    assert started(16, 21) == {"follow_sources": 2}, (
        "facts, which a run was making, and the first versions of the sources"
    )
    assert started(31, 36) == {REBUILD.job: 1}, (
        "the night: yesterday; the net beneath the profiles found that nobody waits"
    )
    assert all(missing_days(deployed_db, table, NIGHT.date() - timedelta(days=1)) == [] for table in DAILY)
    with databases.admin(deployed_db).psycopg() as pg:
        pg.execute("insert into auth.users (id) values (gen_random_uuid())")
        pg.execute("insert into public.products (id, title) values (gen_random_uuid(), 'Soap')")
        pg.execute(
            """insert into public.swipe_interactions (user_id, product_id, swipe_direction, swipe_timestamp)
               select u.id, p.id, 'right', now() - interval '2 days' from auth.users u, public.products p"""
        )
    assert started(46, 48) == {"follow_sources": 1}, "one swipe"
    with deployed_db.begin() as connection:
        assert query(connection, "select count(*) as n from public.user_preferences") == [{"n": 1}]
    assert started(52) == {}


DAILY = [table for table in CATALOG.tables.values() if table.kind == "daily"]


def test_a_clock_that_is_moved_starts_nothing_twice_and_what_was_missed_once(tmp_path: Path) -> None:
    """A day ahead and back again, as a machine's clock may be found wrong; and a day in which nothing ticked."""
    with support.daemon(tmp_path, storage=None, run_launcher=support.NOTES) as daemon:
        location = daemon.workspace.create_request_context().get_code_location(LOCATION)
        [repository] = location.get_repositories().values()
        with freeze_time(NIGHT):
            daemon.instance.start_schedule(repository.get_schedule(DRIFT.schedule))

        def started(after: timedelta) -> int:
            before = daemon.instance.get_runs_count()
            with freeze_time(NIGHT + after):
                list(launch_scheduled_runs(daemon.workspace, logging.getLogger(), NIGHT + after, {}))
            return daemon.instance.get_runs_count() - before

        hour, day = timedelta(hours=1), timedelta(days=1)
        assert [started(at) for at in (hour, day, hour, 2 * hour, day, day + hour)] == [1, 1, 0, 0, 0, 1]
