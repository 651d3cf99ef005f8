"""The family of processes: it mends itself, it is alone, and it ends whole."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from aclue_pipeline.cli import supervisor
from aclue_pipeline.cli.member import Member
from aclue_pipeline.cli.scheduler import schedule_alone
from aclue_pipeline.cli.supervisor import free_port as next_free_port
from aclue_pipeline.cli.supervisor import holder
from aclue_pipeline.errors import AlreadyRunning, SettingsError, Unreachable
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer

ACLUE = "from aclue_pipeline.cli import main; main()"

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")


def until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def pid_of(ui, part: str) -> int:
    return next(pid for pid, command in ui.family().items() if part in command)


def test_no_child_ignores_ctrl_c(ui) -> None:
    """Though the shell that started the supervisor did: Dagster would make SIGTERM ignored as well (trap 11)."""
    for pid, command in ui.family().items():
        if pid == ui.process.pid or "resource_tracker" in command:  # multiprocessing's own, which must outlive Ctrl-C
            continue
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        ignored = int(next(line.split()[1] for line in lines if line.startswith("SigIgn")), 16)
        assert not ignored >> (signal.SIGINT - 1) & 1, command


def test_a_daemon_that_dies_comes_back(ui) -> None:
    dead = pid_of(ui, "cli.daemon")
    os.kill(dead, signal.SIGKILL)
    until(lambda: any(pid != dead for pid, command in ui.family().items() if "cli.daemon" in command))
    assert "the daemon died; starting it again" in ui.said()
    assert ui.ask("{ version }")["version"]


def test_a_second_ui_on_the_same_data_directory_is_refused(ui) -> None:
    environment = {**os.environ, "ACLUE_HOME": str(ui.home), "ACLUE_DATABASE_URL": ui.database.url}
    environment["ACLUE_DAGSTER_URL"] = ui.database.url.rsplit("/", 1)[0] + "/ui_dagster"
    done = subprocess.run(
        [sys.executable, "-c", ACLUE, "ui"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == AlreadyRunning.exit_code
    assert "already running" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_second_scheduler_on_the_same_storage_is_refused(ui, tmp_path: Path) -> None:
    """From any machine: by a lock in the storage. Two daemons fired every tick twice."""
    storage = ui.database.url.rsplit("/", 1)[0] + "/ui_dagster"
    environment = {
        **os.environ,
        "ACLUE_HOME": str(tmp_path),
        "ACLUE_DATABASE_URL": ui.database.url,
        "ACLUE_DAGSTER_URL": storage,
    }
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", ACLUE, "ui"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == AlreadyRunning.exit_code
    pid, host = ui.process.pid, re.escape(socket.gethostname())
    assert re.fullmatch(
        rf"aclue: process {pid} on {host} since 20\S+ \S+ UTC schedules on Dagster's storage ui_dagster already;"
        r" end it first, or look only: aclue ui --read-only\n",
        done.stderr,
    ), done.stderr
    assert time.monotonic() - begin < 10


def test_a_lock_lost_with_its_connection_is_taken_again_or_given_up(server: EmbeddedServer) -> None:
    url, said, lost = server.url("postgres"), [], []
    database, other = Database(url), Database(url)
    schedule_alone(url, said.append, lambda why: lost.append(str(why)), every=0.05)
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'aclue scheduler %' and datname = 'postgres'"
    with database.apart() as pg, other.apart() as waiting:
        pg.execute(cut)
        until(lambda: said == ["the connection that held the scheduler's lock was cut; the lock is taken again"])
        one_more = threading.Thread(
            target=waiting.execute, args=["select pg_advisory_lock(hashtextextended('aclue:scheduler', 0))"]
        )
        one_more.start()
        until(lambda: pg.execute("select 1 from pg_locks where not granted and locktype = 'advisory'").fetchone())
        pg.execute(cut)
        until(lambda: lost)
        one_more.join()
    assert lost == [
        "another session schedules on Dagster's storage postgres already; end it first, or look only: aclue ui --read-only"
    ]
    database.close()
    other.close()


@pytest.mark.slow
def test_ending_cancels_runs_and_leaves_nobody(ui) -> None:
    """The last test on this UI, in the last file: it ends the UI while a run waits for a lock that it will never get (traps 12, 22)."""
    # One run of a room at a time: what other tests have started ends first.
    others = "{ runsOrError(filter: {statuses: [QUEUED, STARTING, STARTED, CANCELING]}) { ... on Runs { results { runId } } } }"
    for run in ui.ask(others)["runsOrError"]["results"]:
        ui.until(run["runId"], {"SUCCESS", "FAILURE", "CANCELED"})
    with ui.database.psycopg() as pg:
        pg.execute("lock table public.products in access exclusive mode")
        run = ui.launch("observe")
        ui.until(run, {"STARTED"})
        deadline = time.monotonic() + 30
        while not pg.execute("select 1 from pg_locks where not granted").fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        leave_behind(ui, run)
        family = ui.family()
        assert len(family) > 4
        ui.process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        assert ui.process.wait(45) == 0, ui.said()
        assert time.monotonic() - begin < 30, "it took the whole grace: the run did not hear of its cancellation"
    assert not ui.family(), "somebody was left behind"
    assert "cancelling 1 run" in ui.said()
    assert recorded_status(ui, run) == "CANCELED"
    assert recorded_status(ui, LEFT_BEHIND) == "NOT_STARTED", "somebody else's, and the end waited for it"


LEFT_BEHIND = "00000000-0000-4000-8000-000000000000"


def leave_behind(ui, like: str) -> None:
    """A run as a command leaves it that is killed, or is about to begin, in another shell."""
    storage = Database(ui.database.url.rsplit("/", 1)[0] + "/ui_dagster")
    with storage.psycopg() as pg:
        pg.execute(
            """insert into runs (run_id, pipeline_name, status, run_body)
               select %s, pipeline_name, 'NOT_STARTED',
                   regexp_replace(replace(run_body, run_id, %s), 'DagsterRunStatus[.][A-Z]+', 'DagsterRunStatus.NOT_STARTED')
               from runs where run_id = %s""",
            [LEFT_BEHIND, LEFT_BEHIND, like],
        )
    storage.close()


def recorded_status(ui, run: str) -> str:
    storage = Database(ui.database.url.rsplit("/", 1)[0] + "/ui_dagster")
    with storage.psycopg() as pg:
        [(status,)] = pg.execute("select status from runs where run_id = %s", [run]).fetchall()
    storage.close()
    return status


# --- without a UI -----------------------------------------------------------------------------------------------------


def test_a_daemon_that_could_not_say_that_it_lives_is_given_time_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the storage was away nothing was written to it."""
    part = {"required": True, "lastHeartbeatTime": time.time() - 400}
    answers: dict[str, Any] = {"data": {"instance": {"daemonHealth": {"allDaemonStatuses": [part]}}}}
    said: list[dict[str, Any]] = [answers, {"errors": [{"message": "no storage"}]}, answers, answers]

    class Web(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps(said.pop(0)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        family = supervisor.Family(tmp_path, "127.0.0.1", server.server_port, "", {})
        assert not family._daemon_lives(), "silent for longer than five minutes"
        assert family._daemon_lives(), "nobody can be asked"
        assert family._daemon_lives(), "it could not write"
        monkeypatch.setattr(supervisor, "_SILENT_SECONDS", 0.0)
        assert not family._daemon_lives(), "and has had its time"
        server.shutdown()


def test_a_taken_port_gives_way_to_the_next() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert next_free_port(port) > port
        assert holder(port) == f"{psutil.Process().name()} (process {os.getpid()})"


def test_a_long_log_becomes_the_one_before_while_its_process_writes_on(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    one = Member("one", ["sh", "-c", f"echo first; read go < {tmp_path}/go; echo second"], log)
    os.mkfifo(tmp_path / "go")
    one.start(os.environ)
    until(lambda: log.read_text() == "first\n")
    one.turn_log(longer_than=5)
    (tmp_path / "go").write_text("\n")
    until(lambda: log.read_text() == "second\n")
    assert (tmp_path / "one.log.1").read_text() == "first\n"
    one.end()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Names databases in the environment, as a person would."""
    from aclue_pipeline.settings import get_settings

    def name(database: str, dagster: str | None) -> None:
        monkeypatch.setenv("ACLUE_HOME", str(tmp_path))
        monkeypatch.setenv("ACLUE_DATABASE_URL", database)
        monkeypatch.delenv("ACLUE_DAGSTER_URL", raising=False)
        if dagster is not None:
            monkeypatch.setenv("ACLUE_DAGSTER_URL", dagster)
        get_settings.cache_clear()

    return name


def test_dagsters_storage_must_be_named(named, app_db: Database) -> None:
    from aclue_pipeline.cli.ui import instance_environment

    named(app_db.url, None)
    with pytest.raises(SettingsError, match="ACLUE_DAGSTER_URL"):
        instance_environment(demo=False)
    named(app_db.url, f"{app_db.url}_not_there")
    with pytest.raises(Unreachable, match=r"^ACLUE_DAGSTER_URL: there is no database \w+_not_there on 127.0.0.1$"):
        instance_environment(demo=False)


def test_dagsters_tables_never_land_in_public_of_the_app(named, app_db: Database, server: EmbeddedServer) -> None:
    """Supabase's API exposes that schema; and a pooler drops a search_path that the URL asks for (trap 19)."""
    from aclue_pipeline.cli.ui import instance_environment

    named(app_db.url, app_db.url)
    with pytest.raises(SettingsError, match="database of its own"):
        instance_environment(demo=False)
    named(server.url("aclue"), app_db.url)  # another database is named as the app's, but this one has its tables
    with pytest.raises(SettingsError, match="database of its own"):
        instance_environment(demo=False)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_dagsters_storage_is_always_reached_by_psycopg2(
    named, app_db: Database, server: EmbeddedServer, scheme: str
) -> None:
    """SQLAlchemy 2.1 means psycopg 3 by postgresql://, and Dagster's NOTIFY fails on that (traps 1, 2)."""
    from aclue_pipeline.cli.ui import instance_environment

    named(app_db.url, server.url("dagster").replace("postgresql://", f"{scheme}://"))
    assert instance_environment(demo=False)["ACLUE_DAGSTER_URL"].startswith("postgresql+psycopg2://")
