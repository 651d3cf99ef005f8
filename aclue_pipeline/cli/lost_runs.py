"""Runs whose process is gone. A code server tells of its own children only: what outlived it and was killed, or went with it or with the
whole container, stays "started" for Dagster until its longest time is over. Such a run is recorded as failed, and so tried again."""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Set
from typing import Any

import psutil
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import DBAPIError

from aclue_pipeline.settings import PROCESS_TAG

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 5.0
#: What a look ends with while the storage is away: of a connection that was open, and of one that Dagster gave up to open.
AWAY = (DBAPIError, DagsterPostgresException)
_RUNNING = RunsFilter(statuses=[DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])


def watch() -> None:
    """From now on in a thread of its own: who is lost at two looks in a row is recorded, so that a code server may tell it first."""

    def forever() -> None:
        suspects: Set[str] = frozenset()
        with DagsterInstance.get() as instance:
            while True:
                time.sleep(_LOOK_SECONDS)
                try:
                    suspects = look(instance, suspects)
                except AWAY:  # for which the others have better words
                    pass
                except Exception:  # noqa: BLE001  one odd run must not end the looking for all others
                    _LOG.exception("runs whose process is gone cannot be looked for")

    threading.Thread(target=forever, name="lost-runs", daemon=True).start()


def look(instance: DagsterInstance, suspects: Set[str]) -> Set[str]:
    """The runs that are lost now for the first time; those that were so before are recorded."""
    lost = {record.dagster_run.run_id for record in instance.get_run_records(_RUNNING) if _is_lost(instance, record)}
    for run_id in suspects & lost:
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            continue
        if (
            run.status == DagsterRunStatus.CANCELING or GRPC_INFO_TAG not in run.tags
        ):  # a command is for its person to repeat
            instance.report_run_canceled(run, "The process of this run is gone.")
        else:
            instance.report_run_failed(run, "The process of this run is gone: it was killed, or its machine was.")
    return lost - suspects


def _is_lost(instance: DagsterInstance, record: RunRecord) -> bool:
    run = record.dagster_run
    if GRPC_INFO_TAG not in run.tags:  # first, since a run that is made again from a command's has both
        pid, _, host = run.tags.get(PROCESS_TAG, "").partition("@")
        return host == socket.gethostname() and not _lives(int(pid), record.create_timestamp.timestamp())
    server = json.loads(run.tags[GRPC_INFO_TAG])
    if _has(server, run.run_id) is not False:  # where it does not answer, nobody could try the run again
        return False
    if not server.get("socket"):  # another machine's: the process went with its container
        # Of one that it is ending a code server says the same; Dagster waits a minute for that.
        return run.status != DagsterRunStatus.CANCELING
    started = instance.event_log_storage.get_records_for_run(run.run_id, of_type=DagsterEventType.ENGINE_EVENT).records
    for one in started:
        if found := re.fullmatch(r"Started process for run \(pid: (\d+)\)\.", one.event_log_entry.message):
            return not _lives(int(found[1]), one.timestamp)
    return False


def _has(server: dict[str, Any], run_id: str) -> bool | None:
    """Whether the code server that started the run has it still; None where it does not answer."""
    client = DagsterGrpcClient(**server)
    try:
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id), timeout=10)
    except DagsterUserCodeUnreachableError:
        return None
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel


def _lives(pid: int, since: float) -> bool:
    """Whether it is the same process; its number may be another's by now, and who reaps nobody leaves them as zombies."""
    try:
        process = psutil.Process(pid)
        return process.create_time() < since + 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
