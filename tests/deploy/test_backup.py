"""The commands of docs/running.md's chapter on upgrading and backup, as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData
from dagster._core.storage.dagster_run import DagsterRunStatus

from aclue_pipeline.cli import doctor, ui
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.settings import LOCATION, get_settings

pytestmark = [pytest.mark.database, pytest.mark.slow]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "running.md").read_text().partition("## Upgrading and backup")[2]
DUMP, RESTORE, UPGRADE = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

SCHEDULE = InstigatorState(
    RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), "__repository__"), "daily_health"
    ),
    InstigatorType.SCHEDULE,
    InstigatorStatus.RUNNING,
    ScheduleInstigatorData("0 6 * * *", 1.0),
)


def test_runs_and_schedules_are_there_again_after_dump_restore_and_migration(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (server.bin / "pg_dump").exists():
        pytest.skip("this server comes without pg_dump")

    def name(database: str) -> Database:
        server.create_database(database)
        # As the image wants it; the commands take it with and without the driver.
        monkeypatch.setenv("ACLUE_DAGSTER_URL", server.url(database).replace("postgresql:", "postgresql+psycopg2:"))
        get_settings.cache_clear()
        ui._keep_copy(tmp_path, ui.instance_environment(demo=False))
        return Database(server.url(database))

    def shell(commands: str) -> None:
        path = f"{server.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", commands], env=os.environ | {"PATH": path}, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    def instance() -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(tmp_path))

    monkeypatch.setenv("ACLUE_HOME", str(tmp_path))
    monkeypatch.setenv("ACLUE_DATABASE_URL", server.url("elsewhere"))
    database = name("instance_before")
    with instance() as before:
        before.run_storage.add_run(dg.DagsterRun("observe", status=DagsterRunStatus.SUCCESS, run_id="a" * 36))
        before.add_instigator_state(SCHEDULE)
    shell(DUMP)
    database.close()

    database = name("instance_after")
    shell(RESTORE)
    with database.begin() as connection:
        [head] = query(connection, "select version_num from alembic_version")
        script(connection, "update alembic_version set version_num = 'f495c27d5019'")  # the one before
    assert "migrate" in list(doctor._storage())[-1].sentence + list(doctor._storage())[-1].remedy
    shell(UPGRADE.partition("\n")[0])
    with database.begin() as connection:
        assert query(connection, "select version_num from alembic_version") == [head]
    assert list(doctor._storage())[-1].passed
    with instance() as after:
        assert [(run.job_name, run.status) for run in after.get_runs()] == [("observe", DagsterRunStatus.SUCCESS)]
        assert after.all_instigator_state() == [SCHEDULE]
    database.close()
    for one in ("instance_before", "instance_after"):
        server.drop_database(one)
