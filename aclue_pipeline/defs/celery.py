"""Steps as Celery tasks, for workers on other machines: the executor, and the app that `celery -A aclue_pipeline.defs.celery worker`
serves. Both take the broker from the settings, so that they cannot mean two. What dagster-celery lacks is here: a worker that dies is
missed within two minutes, ending a run ends its steps, and no step is begun of a run that is over."""

import ctypes
import os
import signal
import sys
import time
import warnings
from typing import Any

import dagster as dg
from celery.exceptions import Ignore, TaskRevokedError, WorkerLostError
from celery.result import AsyncResult
from celery.signals import worker_process_init
from dagster._core.execution.retries import RetryMode
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import unpack_value
from dagster_celery.core_execution_loop import core_celery_execution_loop
from dagster_celery.executor import CeleryExecutor, _submit_task
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from aclue_pipeline.defs.executors import broker
from aclue_pipeline.postgres.connection import parse_url
from aclue_pipeline.settings import get_settings

ASK_SECONDS = 10.0  # between two questions whether a worker is there
SILENT = 6  # questions without answer after which it is not; on a machine that does far too much answers take seconds
_LONGEST = 86_400  # seconds for which redis keeps from other workers what one has taken; beyond them it is done twice

warnings.filterwarnings("ignore", "Task name 'execute_plan'")  # dagster-celery names its task again for each step


class Executor(CeleryExecutor):
    def __init__(self) -> None:
        backend = get_settings().result_backend
        super().__init__(
            RetryMode.ENABLED,
            broker=broker(),
            backend=backend.get_secret_value() if backend else broker(),
            config_source={"broker_transport_options": {"visibility_timeout": _LONGEST}},
        )

    def execute(self, plan_context: Any, execution_plan: Any) -> Any:
        return core_celery_execution_loop(plan_context, execution_plan, lambda *step: _Task(_submit_task(*step)))


@dg.executor(name="celery", requirements=dg.multiple_process_executor_requirements())
def executor(_context: dg.InitExecutorContext) -> Executor:
    return Executor()


class _Task:
    """A step's task as the loop sees it; it is over, too, where the worker that began it is gone, or nobody had begun it when it was
    revoked."""

    def __init__(self, task: AsyncResult) -> None:
        self._task = task
        self._asked, self._silent, self._is_revoked = time.monotonic(), 0, False

    def ready(self) -> bool:
        return self._task.ready() or self._is_never_begun() or self._is_lost()

    def get(self) -> Any:
        if self._task.ready():
            return self._task.get()
        if self._is_never_begun():
            raise TaskRevokedError("revoked")
        raise WorkerLostError(f"the worker {self._worker()}, which had begun the step, does not answer any more")

    def revoke(self) -> None:
        self._is_revoked = True
        self._task.revoke(terminate=True)

    def _worker(self) -> str | None:
        """Who has begun it."""
        return self._task.info["hostname"] if self._task.state == "STARTED" else None

    def _is_never_begun(self) -> bool:
        return self._is_revoked and self._worker() is None

    def _is_lost(self) -> bool:
        if self._silent < SILENT and time.monotonic() - self._asked > ASK_SECONDS and (worker := self._worker()):
            is_there = self._task.app.control.ping([worker], timeout=ASK_SECONDS)
            self._asked, self._silent = time.monotonic(), 0 if is_there else self._silent + 1
        return self._silent >= SILENT


# --- the worker -------------------------------------------------------------------------------------------------------


def _unless_over(_task: Any, _id: str, _args: Any, given: dict[str, Any]) -> None:
    """A worker that comes later finds the steps of runs that were ended meanwhile."""
    step = unpack_value(given["execute_step_args_packed"], as_type=ExecuteStepArgs)
    assert step.instance_ref is not None
    with dg.DagsterInstance.from_ref(step.instance_ref) as instance:
        run = instance.get_run_by_id(step.run_id)
    if run is None or run.is_finished:
        raise Ignore


app = make_app(Executor().app_args())
execute_plan = create_task(app, track_started=True, before_start=_unless_over)


@worker_process_init.connect
def _begin(**_: Any) -> None:
    """Of each process that computes steps: it ends with the worker, and Dagster finds its storage as it does elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 = PR_SET_PDEATHSIG
    storage = get_settings().dagster_url
    if storage is not None:
        url = parse_url(storage.get_secret_value(), "postgresql+psycopg2")
        os.environ["ACLUE_DAGSTER_URL"] = url.render_as_string(hide_password=False)
