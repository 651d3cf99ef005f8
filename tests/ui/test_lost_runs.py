"""Runs that a command made and that its end left behind; those of a code server are in test_faults.py."""

import os
import socket
import subprocess
import sys

import dagster as dg
import pytest

from aclue_pipeline.cli.lost_runs import look
from aclue_pipeline.settings import PROCESS_TAG


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
