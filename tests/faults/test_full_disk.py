"""A disk that is full, the server's or ours: one line that says which, nothing half written, and once there is room the same again ends
as where nobody disturbed it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import time

import dagster as dg
import psycopg
import pytest

from aclue_pipeline.cli import main
from aclue_pipeline.cli.lost_runs import look
from aclue_pipeline.definitions import run_job
from aclue_pipeline.errors import FileUnusable
from aclue_pipeline.settings import PROCESS_TAG, get_settings
from tests.alerts.conftest import Receiver
from tests.conftest import Databases
from tests.support.catalogs import CATALOG
from tests.support.storage import stored_in

from .conftest import Small, Statements, Undisturbed, Work, failures, retried

pytestmark = [pytest.mark.database, pytest.mark.slow]

FULL = "the server of {} has no room left on its disk; make some, then run it again"


@pytest.mark.parametrize("job", ["sync_facts", "rebuild_revenue_and_funnel", "refresh_preferences", "deploy_schema"])
def test_a_servers_disk_that_is_full_is_one_line_and_nothing_by_halves(
    small: Small, statements: Statements, undisturbed: Undisturbed, job: str
) -> None:
    number, left = undisturbed(job, statements)
    with dg.DagsterInstance.ephemeral() as instance:
        work = Work(small, job, instance)
        with small.full() as fill:
            statements.before(number // 5, fill)
            result = work.run()
            assert {*failures(result)} == {FULL.format(work.db.label)}
            assert retried(result) == 0, "it does not pass by itself"
            assert small.nobody_left(work.db.name)
        result = work.run()
        assert result.success, failures(result)
        assert work.left() == left


def test_a_full_disk_is_no_finding_about_anybodys_rights(
    small: Small, statements: Statements, undisturbed: Undisturbed
) -> None:
    """What cannot be inserted for want of room was said to be refused to who may insert it."""
    number, _ = undisturbed("verify_schema", statements)
    with dg.DagsterInstance.ephemeral() as instance:
        work = Work(small, "verify_schema", instance)
        with small.full() as fill:
            statements.before(number // 5, fill)
            assert failures(work.run()) == [FULL.format(work.db.label)]


def test_a_server_that_crashes_for_want_of_room_for_its_log_goes_on_where_it_was(
    small: Small, statements: Statements, undisturbed: Undisturbed
) -> None:
    """It cannot even recover until somebody makes room and starts it."""
    number, left = undisturbed("sync_facts", statements)
    with dg.DagsterInstance.ephemeral() as instance:
        work = Work(small, "sync_facts", instance)

        def crash() -> None:
            fill()
            with suppress(psycopg.OperationalError):
                while True:
                    small.ask("select pg_logical_emit_message(false, '', repeat('x', 4000000))")

        with small.full() as fill:
            statements.before(number // 2, crash)
            [said] = failures(work.run())
            assert said.startswith(("no server answers at 127.0.0.1", f"{work.db.label} stops, or is not up yet")), said
        small.server.start()
        result = work.run()
        assert result.success, failures(result)
        assert work.left() == left


def _ends_for_want_of_room(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    assert ended.value.code == FileUnusable.exit_code
    return capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def home(small: Small, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The server's disk and ours are one here, as in the demo."""
    home = small.home / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("ACLUE_HOME", str(home))
    get_settings.cache_clear()
    yield home
    get_settings.cache_clear()


def test_a_command_says_which_disk_is_full(
    small: Small, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = small.databases.copy("shop")
    monkeypatch.setenv("ACLUE_DATABASE_URL", database.url)
    with small.full() as fill:
        fill()
        assert _ends_for_want_of_room("sync --yes", capsys).startswith(f"aclue: {FULL.format(database.label)}")


def test_where_no_memory_has_room_it_is_told_every_hour(
    small: Small, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the database nor the data directory can note that it was."""
    database = small.databases.copy("shop")
    said = f"aclue: {home}/alerts.json: No space left on device, so that what is told is not remembered"
    with closing(Receiver()) as receiver, small.full() as fill:
        monkeypatch.setenv("ACLUE_DATABASE_URL", database.url)
        monkeypatch.setenv("ACLUE_ALERT_URLS", receiver.url())
        get_settings.cache_clear()
        fill()
        assert _ends_for_want_of_room("alerts send --yes", capsys).startswith(said)
        [told] = receiver.taken()
        assert told.splitlines()[0] == f"aclue: 2 new ({database.label})"
        assert f"new, error: database_answers:{database.name}: the server of …/{database.name} has no room left" in told
        assert "new, error: alerts_are_remembered:alerts.json: it cannot be written" in told
        assert _ends_for_want_of_room("alerts send --yes", capsys).startswith(said)
        assert receiver.taken() == []
        an_hour_ago = time() - 3601
        os.utime(home / "alerts.told", (an_hour_ago, an_hour_ago))
        _ends_for_want_of_room("alerts send --yes", capsys)
        assert len(receiver.taken()) == 1


def test_a_full_data_directory_ends_no_run(small: Small, databases: Databases) -> None:
    """What steps print is not kept then."""
    home = small.home / "runs"
    home.mkdir()
    with stored_in(databases.copy("supabase").url, home) as instance, small.full() as fill:
        fill()
        assert run_job("watch_drift", instance, database=databases.copy("deployed"), catalog=CATALOG).success
        assert [run.status.value for run in instance.get_runs()] == ["SUCCESS"]


def test_a_run_that_could_not_be_recorded_on_a_full_storage_of_dagsters_is_not_lost(
    small: Small, statements: Statements, tmp_path: Path
) -> None:
    """Its process ends, and cannot even say so; once there is room, the daemon finds that it is gone."""
    storage = small.databases.copy("supabase")
    with stored_in(storage.url, tmp_path) as instance:
        work = Work(small, "watch_drift", instance)

        def fill_up() -> None:
            fill()
            with suppress(psycopg.errors.DiskFull):  # what room its pages have left
                while True:
                    small.ask(
                        "insert into event_logs (run_id, event) values ('', repeat('x', 1000)) returning 1",
                        database=storage.name,
                    )

        with small.full() as fill:
            statements.before(5, fill_up)
            with pytest.raises(Exception, match="No space left on device"):
                work.run()
        [run] = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED
        ended = subprocess.Popen([sys.executable, "-c", ""])  # in place of this process, which goes on
        ended.wait()
        instance.add_run_tags(run.run_id, {PROCESS_TAG: f"{ended.pid}@{socket.gethostname()}"})
        look(instance, look(instance, set()))
        [run] = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.CANCELED
        assert work.run().success
