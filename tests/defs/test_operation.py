"""A machine's clock that was found wrong; a week by a right one is in test_week."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dagster._core.test_utils import freeze_time
from dagster._scheduler.scheduler import launch_scheduled_runs

from aclue_pipeline.defs.timetable import DRIFT
from aclue_pipeline.settings import LOCATION
from tests.support import daemon as support

NIGHT = datetime.now(ZoneInfo("Europe/London")).replace(second=0, microsecond=0)


@pytest.mark.slow
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
