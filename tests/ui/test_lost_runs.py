"""Runs that a command made and that its end left behind; those of a code server are in test_faults.py."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient

from aclue_pipeline.cli.lost_runs import AWAY, look
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.settings import PROCESS_TAG
from tests.support.storage import stored_in


def ended() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_killed_commands_run_is_cancelled_at_the_second_look_and_nobody_elses(status: dg.DagsterRunStatus) -> None:
    """The UI's end waited for one that had not begun."""
    here = socket.gethostname()
    owners = {
        "killed": f"{ended()}@{here}",
        "alive": f"{os.getpid()}@{here}",
        "elsewhere": f"{ended()}@elsewhere",
        "nobody": "",
    }
    with dg.DagsterInstance.ephemeral() as instance:
        runs = {
            name: instance.add_run(
                dg.DagsterRun(job_name="observe", status=status, tags={PROCESS_TAG: owner} if owner else {})
            )
            for name, owner in owners.items()
        }
        suspects = look(instance, set())
        assert suspects == {runs["killed"].run_id}
        look(instance, suspects)
        found = {name: instance.get_run_by_id(run.run_id).status for name, run in runs.items()}
        assert found == {**dict.fromkeys(owners, status), "killed": dg.DagsterRunStatus.CANCELED}


@pytest.mark.slow
@pytest.mark.database
def test_a_storage_that_is_away_for_long_does_not_end_the_looking(server: EmbeddedServer, tmp_path: Path) -> None:
    """At first the open connection fails, then Dagster's own patience with new ones ends, by an error of its own."""
    server.create_database("looked_at")
    with stored_in(server.url("looked_at", SUPERUSER), tmp_path) as instance:
        assert look(instance, set()) == set()
        server.stop()
        for _ in range(2):
            with pytest.raises(AWAY):
                look(instance, set())
        server.start()
        assert look(instance, set()) == set()
    server.drop_database("looked_at")


@pytest.mark.slow
def test_a_run_that_is_being_ended_on_another_machine_is_not_lost(tmp_path: Path) -> None:
    """Of such a run a code server says the same as of one it never heard of."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "empty.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    command = [sys.executable, "-m", "dagster", "api", "grpc", "--port", str(port), "--python-file", "empty.py"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while DagsterGrpcClient(port=port, host="127.0.0.1").health_check_query() != "SERVING":
            assert server.poll() is None
        tags = {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": port})}
        with dg.DagsterInstance.ephemeral() as instance:
            runs = {
                status: instance.add_run(dg.DagsterRun(job_name="observe", status=status, tags=tags)).run_id
                for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
            }
            assert look(instance, set()) == {runs[dg.DagsterRunStatus.STARTED]}
    finally:
        server.terminate()
        server.wait(20)
