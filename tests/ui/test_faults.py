"""Faults of the processes, one after another on one UI that stays: what a user sees, and that nothing is lost, doubled or left running."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aclue_pipeline.cli.ui_health import examine
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases

from .conftest import ACLUE, Ui, free_port, start

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")

ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


def until(true: Callable[[], object], seconds: float = 90) -> float:
    """How long it took."""
    begin = time.monotonic()
    while not true():
        assert time.monotonic() - begin < seconds
        time.sleep(0.1)
    return time.monotonic() - begin


@pytest.fixture(scope="module")
def storage(ui: Ui):
    database = Database(ui.database.url.rsplit("/", 1)[0] + "/ui_dagster")
    yield database
    database.close()


def rows(storage: Database, sql: str, *values: object) -> list[tuple]:
    with storage.psycopg() as pg:
        return pg.execute(sql, values).fetchall()


def worker_of(storage: Database, run: str) -> int:
    """The process of a run, from its log."""
    found = rows(
        storage, "select event from event_logs where run_id = %s and event like '%%Started process for run%%'", run
    )
    return int(re.search(r"Started process for run \(pid: (\d+)\)", found[0][0])[1])


def events(storage: Database, run: str, kind: str) -> list[tuple]:
    return rows(storage, "select event from event_logs where run_id = %s and dagster_event_type = %s", run, kind)


def set_back(storage: Database, table: str, column: str, name: str) -> None:
    """By two days, in a body of Dagster's."""
    with storage.psycopg() as pg:
        pg.execute(
            f"update {table} set {column} = regexp_replace({column}, %s, '\\1' || extract(epoch from now() - interval '2 days'))",
            [f'("{name}": )[0-9.]+'],
        )


def attempts(storage: Database, run: str) -> list[str]:
    """How the run and those that were made from it ended, in order."""
    made = "select run_id from run_tags where key = 'dagster/root_run_id' and value = %s"
    sql = f"select status from runs where run_id = %s or run_id in ({made}) order by id"
    return [status for (status,) in rows(storage, sql, run, run)]


def red(ui: Ui, storage: Database) -> dict[str, str]:
    return {one.check: one.sentence for one in examine(ui.url, storage.url) if not one.passed}


@pytest.mark.slow
def test_health_is_a_line_each_and_an_exit_code(ui: Ui, storage: Database) -> None:
    environment = {
        **os.environ,
        "ACLUE_HOME": str(ui.home),
        "ACLUE_DATABASE_URL": ui.database.url,
        "ACLUE_DAGSTER_URL": storage.url,
    }
    until(lambda: not red(ui, storage))

    def health(*more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", ACLUE, "ui", "--health", *more]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    done = health("--json")
    assert done.returncode == 0, done.stderr
    assert [one["check"] for one in json.loads(done.stdout)] == ["storage", "daemons", "location", "schedules"]
    done = health("--port", "1")
    assert done.returncode == 15
    assert "✓ storage" in done.stdout
    assert "✗ location: http://127.0.0.1:1 no answer" in done.stdout
    assert done.stderr == "aclue: location, schedules failed; do as said above, then aclue ui --health again\n"


@pytest.mark.database
def test_health_of_a_storage_that_dagster_has_not_used_yet_says_so(databases: Databases) -> None:
    storage, *_ = examine("http://127.0.0.1:1", databases.copy("supabase").url)
    assert (storage.check, storage.passed) == ("storage", False)
    assert "has never started" in storage.sentence


@pytest.mark.slow
def test_a_dead_code_server_comes_back_and_its_runs_go_on_or_are_tried_again(ui: Ui, storage: Database) -> None:
    """What the kernel does when memory runs out. One run's process outlives its server, the other's goes as well."""
    with ui.database.psycopg() as pg:
        pg.execute("lock table public.products in access exclusive mode")
        survivor, lost = ui.launch("observe"), ui.launch("sync_facts")
        for run in (survivor, lost):
            ui.until(run, {"STARTED"})
            until(lambda run=run: events(storage, run, "STEP_START"))
        dead = next(pid for pid, command in ui.family().items() if "dagster api grpc" in command)
        os.kill(dead, signal.SIGKILL)
        os.kill(worker_of(storage, lost), signal.SIGKILL)
        back = until(
            lambda: (
                "location" not in red(ui, storage)
                and any("dagster api grpc" in c for p, c in ui.family().items() if p != dead)
            )
        )
        assert back < 60, "some 20 s on a quiet machine"
        assert "the code-server no longer answers; starting it again" in ui.said()
    assert ui.until(survivor, ENDED) == "SUCCESS"
    until(lambda: attempts(storage, lost) == ["FAILURE", "SUCCESS"])
    assert attempts(storage, survivor) == ["SUCCESS"]


@pytest.mark.slow
def test_after_an_outage_each_schedule_ticks_once_and_a_killed_run_is_tried_again_once(
    ui: Ui, storage: Database
) -> None:
    """The daemon hangs for two days, which its heartbeats tell, and a schedule is found late; it is replaced, and takes one tick for the
    48 that were missed, since each of our jobs takes whatever is due."""
    with ui.database.psycopg() as pg:
        pg.execute("lock table public.products in access exclusive mode")
        killed = ui.launch("observe")
        ui.until(killed, {"STARTED"})
        until(lambda: events(storage, killed, "STEP_START"))
        daemon = next(pid for pid, command in ui.family().items() if "cli.daemon" in command)
        os.kill(daemon, signal.SIGSTOP)
        os.kill(worker_of(storage, killed), signal.SIGKILL)
        assert ui.until(killed, ENDED) == "FAILURE"
    [(said,)] = events(storage, killed, "RUN_FAILURE") or events(storage, killed, "PIPELINE_FAILURE")
    assert "gone" not in said, "its code server tells it, the daemon is not needed"

    hourly = {
        "repositoryLocationName": "aclue_pipeline",
        "repositoryName": "__repository__",
        "scheduleName": "hourly_drift",
    }
    ui.ask("mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename } }", s=hourly)
    set_back(storage, "instigators", "instigator_body", "start_timestamp")
    set_back(storage, "daemon_heartbeats", "body", "timestamp")
    found = red(ui, storage)
    assert found["daemons"] == "nothing is scheduled: no daemon says that it lives since 48 h"
    assert re.fullmatch(r"the scheduler did not do: hourly_drift \(due \d+ min ago\)", found["schedules"])

    until(lambda: "the daemon no longer answers; starting it again" in ui.said())
    until(lambda: not red(ui, storage))
    by_schedule = "select run_id from run_tags where key = 'dagster/schedule_name' and value = 'hourly_drift'"
    until(lambda: rows(storage, by_schedule))
    [(run,)] = rows(storage, by_schedule)
    assert ui.until(run, ENDED) == "SUCCESS"
    assert rows(storage, "select count(*) from job_ticks where tick_body like '%%hourly_drift%%'") == [(1,)]
    with storage.psycopg() as pg:  # switched on in another UI, whose socket is its name for Dagster
        pg.execute("update instigators set instigator_body = replace(instigator_body, 'code.sock', 'former.sock')")
    assert not red(ui, storage)
    assert last_tick(ui, hourly) == ["SUCCESS"], "what the page Automation asks"
    until(lambda: attempts(storage, killed) == ["FAILURE", "SUCCESS"])
    ui.ask("mutation($s: ScheduleSelector!) { resetSchedule(scheduleSelector: $s) { __typename } }", s=hourly)


def last_tick(ui: Ui, schedule: dict[str, str]) -> list[str]:
    asked = """query($r: RepositorySelector!) { repositoryOrError(repositorySelector: $r) { ... on Repository {
        schedules { name scheduleState { ticks(limit: 1) { status } } } } } }"""
    repository = {name: schedule[name] for name in ("repositoryLocationName", "repositoryName")}
    schedules = ui.ask(asked, r=repository)["repositoryOrError"]["schedules"]
    [one] = [one for one in schedules if one["name"] == schedule["scheduleName"]]
    return [tick["status"] for tick in one["scheduleState"]["ticks"]]


@pytest.mark.slow
def test_a_ui_that_is_killed_with_its_run_starts_again_at_once_and_misses_the_run(
    ui: Ui, storage: Database, server: EmbeddedServer
) -> None:
    """As when the machine restarts. Its run stayed "started" for hours: nobody answered at the socket that it was started from."""
    with ui.database.psycopg() as pg:
        pg.execute("lock table public.products in access exclusive mode")
        run = ui.launch("observe")
        until(lambda: events(storage, run, "STEP_START"))
        for one in ui.family():
            os.kill(one, signal.SIGKILL)
        ui.process.wait()
        port = ui.url.rpartition(":")[2]
        next_one = start(server, ui.home, ui.database, "ui_dagster", "--port", port, again=True)
        assert next_one.url == ui.url, "the port is free again"
        ui.process, ui.output = next_one.process, next_one.output
        assert ui.until(run, ENDED) == "FAILURE"
    [(said,)] = events(storage, run, "RUN_FAILURE") or events(storage, run, "PIPELINE_FAILURE")
    assert "The process of this run is gone" in said
    until(lambda: attempts(storage, run) == ["FAILURE", "SUCCESS"])


@pytest.mark.slow
def test_a_restarted_database_is_reached_again_by_everybody(ui: Ui, storage: Database, server: EmbeddedServer) -> None:
    until(lambda: not red(ui, storage))
    with ui.database.apart() as pg:
        pg.execute("begin; lock table public.products in access exclusive mode")
        run = ui.launch("observe")
        until(lambda: pg.execute("select 1 from pg_locks where not granted").fetchone())
        server.stop()
    server.start()
    assert until(lambda: not red(ui, storage)) < 15
    ui.ask("{ runsOrError { ... on Runs { results { runId } } } }")
    until(lambda: "the connection that held the scheduler's lock was cut; the lock is taken again" in ui.said())
    until(lambda: attempts(storage, run)[-1] == "SUCCESS")
    assert set(attempts(storage, run)[:-1]) <= {"FAILURE"}, "one that outlives Dagster's patience is tried again"


# --- not faults, but other ways to run it --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def analysts(ui: Ui, storage: Database) -> Iterator[Ui]:
    """A UI to look at, beside the one that schedules, under a path, by a user without a name or a home, as containers have them."""
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "HOME": "/", "ACLUE_UI_PREFIX": "/pipeline",
        "ACLUE_HOME": str(ui.home), "ACLUE_DATABASE_URL": ui.database.url, "ACLUE_DAGSTER_URL": storage.url,
    }  # fmt: skip
    nameless = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
    if subprocess.run([*nameless, "true"], capture_output=True).returncode:
        nameless = []
    said = ui.home / "said-to-analysts"
    command = [*nameless, sys.executable, "-c", ACLUE, "ui", "--read-only", "--port", str(free_port())]
    with said.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            until(lambda: "http://" in said.read_text() or process.poll() is not None)
            url = re.search(r"http://\S+", said.read_text())
            assert url, said.read_text()
            yield Ui(ui.home, ui.database, process, output, url[0])
        finally:
            process.terminate()
            assert process.wait(60) == 0
            assert not [one for one in ui.family().values() if "read-only" in one], "somebody is left behind"


@pytest.mark.slow
def test_analysts_look_on_beside_the_scheduler_under_a_path_and_change_nothing(ui: Ui, analysts: Ui) -> None:
    daemons = [command for command in ui.family().values() if "cli.daemon" in command]
    assert len(daemons) == 1
    assert analysts.url.endswith("/pipeline")
    with pytest.raises(AssertionError, match="UnauthorizedError"):
        analysts.launch("watch_drift")
    with urllib.request.urlopen(f"{analysts.url}/atlas", timeout=30) as page:
        assert b"<title>" in page.read()
    [node] = analysts.ask('{ assetNodes(assetKeys: [{path: ["analytics", "revenue_daily"]}]) { description } }')[
        "assetNodes"
    ]
    assert "(/pipeline/atlas#analytics.revenue_daily)" in node["description"]
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(f"{analysts.url}/graphql?query=mutation%20%7Bx%7D", timeout=30)
