"""Steps that are computed elsewhere: by Celery's workers, who find them at a real redis, they write the rows that the run's own process
writes; a worker that dies is missed, and nothing is left running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from aclue_pipeline import preferences
from aclue_pipeline.defs.executors import executor
from aclue_pipeline.errors import SettingsError
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.preferences.database import profiles_in
from tests.support.broker import broker

pytestmark = pytest.mark.filterwarnings("ignore:Task name 'execute_plan'")

ROOT = Path(__file__).parents[2]
STORAGE = "elsewhere_dagster"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Environment variables that the settings are read from."""
    get_settings.cache_clear()
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("in_process", "in_process"),
        ("multiprocess", "multiprocess"),
        pytest.param("kubernetes", "k8s", marks=pytest.mark.slow),
    ],
)
def test_one_setting_says_where_steps_are_computed(settings: pytest.MonkeyPatch, name: str, found: str) -> None:
    settings.setenv("ACLUE_EXECUTOR", name)
    assert executor().name == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"ACLUE_EXECUTOR": "ray"},
            "ACLUE_EXECUTOR: Input should be 'in_process', 'multiprocess', 'celery' or 'kubernetes'",
        ),
        ({"ACLUE_EXECUTOR": "celery"}, "ACLUE_BROKER_URL"),
        ({"ACLUE_EXECUTOR": "celery", "ACLUE_BROKER_URL": "redis://broker"}, r"pip install '\.\[celery\]'"),
        ({"ACLUE_EXECUTOR": "kubernetes"}, r"pip install '\.\[kubernetes\]'"),
    ],
)
def test_what_is_missing_is_said_in_one_line(settings: pytest.MonkeyPatch, given: dict[str, str], said: str) -> None:
    for name in ("dagster_celery", "dagster_k8s", "aclue_pipeline.defs.celery"):
        settings.setitem(sys.modules, name, None)  # not installed
    for name, value in given.items():
        settings.setenv(name, value)
    with pytest.raises(SettingsError, match=said) as refused:
        executor()
    assert "\n" not in str(refused.value)


class Place:
    """A database, Dagster's storage and a broker, which the environment names, as in production."""

    def __init__(self, database: Database, instance: dg.DagsterInstance, home: Path) -> None:
        self.database, self.instance, self.home = database, instance, home
        self._workers = 0

    def run(self, job: str, *assets: str) -> dg.JobExecutionResult:
        """A job, or some of its assets, in this process; its steps where ACLUE_EXECUTOR says."""
        repository = ReconstructableRepository(ModuleCodePointer("aclue_pipeline.definitions", "defs", str(ROOT)))
        selection = [dg.AssetKey(asset.split(".")) for asset in assets] or None
        return dg.execute_job(
            ReconstructableJob(repository, job, asset_selection=frozenset(selection) if selection else None),
            self.instance,
            asset_selection=selection,
            raise_on_error=False,
        )

    def refresh(self) -> dg.JobExecutionResult:
        return self.run("refresh_preferences", "pipeline.signals", "public.user_preferences")

    @contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        self._workers += 1
        command = [
            "celery",
            "-A",
            "aclue_pipeline.defs.celery",
            "worker",
            "-c",
            "1",
            "-n",
            f"worker{self._workers}@here",
        ]
        with (self.home / "worker.log").open("a") as log:
            process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()  # it ends what it computes first, which may wait for a lock
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()

    def until(self, event: dg.DagsterEventType, step: str) -> None:
        """Waits until the newest run says this of a step: for minutes, since on a busy machine a worker takes one to start."""
        end = time.monotonic() + 240
        while time.monotonic() < end:
            for run in self.instance.get_runs(limit=1):
                if step in (entry.step_key for entry in self.instance.all_logs(run.run_id, of_type=event)):
                    return
            time.sleep(0.05)
        log = self.home / "worker.log"
        raise AssertionError(log.read_text()[-3000:] if log.exists() else f"{step}: no {event}")

    def refresh_until(self, event: dg.DagsterEventType, step: str) -> dg.JobExecutionResult:
        """Terminated, as from the UI, once the run says this of a step."""

        def end() -> None:
            try:
                self.until(event, step)
            finally:  # a run that nobody ends would wait for ever
                for run in self.instance.get_runs(limit=1):
                    self.instance.report_run_canceling(run)
                os.kill(os.getpid(), signal.SIGINT)

        with ThreadPoolExecutor(1) as aside:
            ended = aside.submit(end)
            done = self.refresh()
            ended.result()
            return done

    def status(self, result: dg.JobExecutionResult) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(result.run_id)
        assert run is not None
        return run.status


@pytest.fixture
def place(
    databases: Databases, server: EmbeddedServer, settings: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Place]:
    pytest.importorskip("dagster_celery")
    database = databases.copy("stocked_shop")
    server.create_database(STORAGE)
    (tmp_path / "dagster.yaml").symlink_to(ROOT / "dagster.yaml")
    with broker(tmp_path) as url:
        settings.setenv("ACLUE_DATABASE_URL", database.url)
        settings.setenv("ACLUE_DAGSTER_URL", server.url(STORAGE).replace("postgresql:", "postgresql+psycopg2:"))
        settings.setenv("ACLUE_EXECUTOR", "celery")
        settings.setenv("ACLUE_BROKER_URL", url)
        settings.setenv("ACLUE_HOME", str(tmp_path))
        settings.setenv("PYTHONPATH", str(ROOT))
        get_settings.cache_clear()
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            yield Place(database, instance, tmp_path)
    server.drop_database(STORAGE)


@pytest.mark.slow
@pytest.mark.database
def test_ending_a_run_ends_its_step_and_begins_none_that_waits(place: Place) -> None:
    waiting = place.refresh_until(dg.DagsterEventType.ENGINE_EVENT, "pipeline__signals")
    assert place.status(waiting) == dg.DagsterRunStatus.CANCELED  # although nobody is there to tell
    with place.worker(), place.database.psycopg() as pg:
        pg.execute("lock table public.user_preferences in share mode")  # it writes nothing meanwhile
        begun = place.refresh_until(dg.DagsterEventType.STEP_START, "user_preferences")
        assert place.status(begun) == dg.DagsterRunStatus.CANCELED
        others = (
            "select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        end = time.monotonic() + 60
        while pg.execute(others).fetchone() != (0,):
            assert time.monotonic() < end
            time.sleep(0.05)
    steps = place.instance.all_logs(waiting.run_id, of_type=dg.DagsterEventType.STEP_START)
    assert steps == []  # the worker came later, and found it


@pytest.mark.slow
@pytest.mark.database
def test_a_worker_killed_in_the_middle_is_missed_and_another_one_writes_the_rows_of_a_single_process(
    place: Place, databases: Databases, settings: pytest.MonkeyPatch
) -> None:
    from aclue_pipeline.defs import celery

    alone = databases.copy("stocked_shop")
    preferences.recalculate(alone, full=True)
    settings.setattr(celery, "ASK_SECONDS", 0.3)
    # Where an assertion fails, the lock is given up and the worker ended before the run is waited for.
    with ThreadPoolExecutor(1) as aside, place.worker() as worker, place.database.psycopg() as pg:
        pg.execute("lock table public.user_preferences in share mode")
        under_way = aside.submit(place.refresh)
        place.until(dg.DagsterEventType.STEP_START, "user_preferences")
        computing = psutil.Process(worker.pid).children()
        worker.kill()
        assert psutil.wait_procs(computing, 60)[1] == []
        failed = under_way.result(240)
    assert not failed.success
    (said,) = [event.event_specific_data.error.message for event in failed.all_events if event.is_failure]
    assert "worker1@here, which had begun the step, does not answer" in said
    assert profiles_in(place.database) == []
    with place.worker():
        assert place.refresh().success
    assert profiles_in(place.database) == profiles_in(alone)
    assert "not-to-be-shown" not in (place.home / "worker.log").read_text()
