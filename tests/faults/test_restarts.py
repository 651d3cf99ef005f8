"""The server is restarted in the middle of each job: the run tries again and ends well, or fails with one line and ends well the second
time; rows are those of a database that nobody disturbed, and nobody is left behind."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from aclue_pipeline.cli import main
from aclue_pipeline.definitions import run_job
from aclue_pipeline.defs import retire
from aclue_pipeline.defs.timetable import PURGE, TIMETABLE
from aclue_pipeline.errors import Unreachable
from aclue_pipeline.health import history
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG
from tests.support.storage import stored_in

from .conftest import Small, Statements, Undisturbed, Work, failures, jobs, retried

pytestmark = [pytest.mark.database, pytest.mark.slow]

JOBS = sorted({entry.job for entry in TIMETABLE} | {job.name for job in retire.JOBS} | {"deploy_schema"})
ONCE = {*(job.name for job in retire.JOBS), "close_month"}
UNFINISHED = [status for status in dg.DagsterRunStatus if status.value not in ("SUCCESS", "FAILURE", "CANCELED")]
CUT = r"(aclue: )?127\.0\.0\.1/\w+ (closed|ended) the connection.* run it again"


def test_no_job_is_left_out() -> None:
    assert {name for name in jobs() if not name.startswith("__")} == {*JOBS}


@pytest.mark.parametrize("job", [job for job in JOBS if job != PURGE.job])
def test_a_server_restarted_in_the_middle_of_a_job(
    small: Small, statements: Statements, undisturbed: Undisturbed, job: str
) -> None:
    number, left = undisturbed(job, statements)
    with dg.DagsterInstance.ephemeral() as instance:
        work = Work(small, job, instance)
        statements.during(number // 2, small.crash if job == "sync_facts" else small.restart)
        result = work.run()
        if job in ONCE:
            [said] = failures(result)
            assert re.fullmatch(CUT, said), said
            result = work.run()
        else:
            assert retried(result) == 1, failures(result)
        assert result.success, failures(result)
        assert instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []
        assert small.nobody_left(work.db.name)
        assert work.left() == left


def test_a_storage_of_dagsters_restarted_while_it_is_purged(
    small: Small, statements: Statements, tmp_path: Path
) -> None:
    """Here the run's own record is on the server that is restarted."""
    storage = small.databases.copy("supabase")
    with stored_in(storage.url, tmp_path) as instance:
        for _ in range(2):
            assert Work(small, "watch_drift", instance).run().success
        small.ask("update runs set end_time = 1 returning 1", database=storage.name)
        statements.during(3, small.restart)
        result = run_job(PURGE.job, instance, catalog=CATALOG, raise_on_error=False)
        assert retried(result) == 1, failures(result)
        assert [run.status.value for run in instance.get_runs()] == ["SUCCESS", "SUCCESS"], (
            "of the looks the last is left"
        )
        assert history.purge(storage, datetime.now(UTC) - timedelta(days=1), ["watch_drift"]) == history.Purged(0, 0, 0)
        assert small.nobody_left(storage.name)


@pytest.mark.parametrize("command", ["sync --yes", "revenue rebuild --yes", "verify"])
def test_a_command_says_so_in_one_line_with_its_exit_code(
    small: Small,
    statements: Statements,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    database = small.databases.copy("shop")
    monkeypatch.setenv("ACLUE_DATABASE_URL", database.url)
    monkeypatch.setenv("ACLUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    statements.during(12, small.restart)
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == Unreachable.exit_code
    [said] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(CUT, said), said
    assert small.nobody_left(database.name)
