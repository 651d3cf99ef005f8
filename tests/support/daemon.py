"""Dagster's daemon in this process, a step at a time: its own evaluation of schedules, sensors, backfills and the queue, on an instance
with this repository's dagster.yaml."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.instance_for_test import instance_for_test
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.asset_daemon import AssetDaemon
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.freshness import FreshnessDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._daemon.types import DaemonHeartbeat
from dagster._scheduler.scheduler import launch_scheduled_runs

from aclue_pipeline.definitions import build_defs
from aclue_pipeline.settings import LOCATION
from tests.support.catalogs import CATALOG

ROOT = Path(__file__).resolve().parents[2]
_LOG = logging.getLogger(__name__)

#: Runs it at once, in this process.
AT_ONCE = {"module": "dagster._core.launcher.sync_in_memory_run_launcher", "class": "SyncInMemoryRunLauncher"}

#: Notes what it should start, and starts nothing.
NOTES = {"module": "dagster._core.test_utils", "class": "MockedRunLauncher"}


@cache
def _defs() -> dg.Definitions:
    return build_defs(CATALOG)


#: What aclue_pipeline.definitions has, with the SQL files read once for all tests.
defs = dg.definitions(lambda: _defs())


@dataclass
class Daemon:
    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext
    _next: dict[str, Any] = field(default_factory=dict)
    _conditions: AssetDaemon = field(default_factory=lambda: AssetDaemon({}, 30))

    def backfill(self, name: str, assets: Sequence[dg.AssetKey], days: Sequence[str]) -> None:
        """As from the UI: these days of these assets."""
        location = self.workspace.create_request_context().get_code_location(LOCATION)
        [repository] = location.get_repositories().values()
        self.instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                name, repository.asset_graph, days, assets, time.time(), {}, self.instance, False, None, None, {}
            )
        )
        errors = [error for error in execute_backfill_iteration(self.workspace, _LOG) if error]
        assert not errors, errors

    def tick(self, at: datetime) -> None:
        """All that the daemon does at this moment, by its clock: it says that it lives, asks schedules, sensors, conditions and freshness
        policies, and starts what is queued till nothing is."""
        with freeze_time(at):
            for part in self.instance.get_required_daemon_types():
                self.instance.add_daemon_heartbeat(DaemonHeartbeat(at.timestamp(), part, "here"))
            list(launch_scheduled_runs(self.workspace, _LOG, at, self._next))
            list(execute_sensor_iteration(self.workspace, _LOG, None, None))
            self._conditions._run_iteration_impl(self.workspace, None, {}, {})
            list(FreshnessDaemon().run_iteration(self.workspace))
            while self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])):
                self.dequeue()

    def dequeue(self) -> None:
        """One look at the queue."""
        errors = [error for error in QueuedRunCoordinatorDaemon(1).run_iteration(self.workspace) if error]
        assert not errors, errors


@contextmanager
def daemon(home: Path, **settings: Any) -> Iterator[Daemon]:
    """`settings`: sections of dagster.yaml in place of the repository's."""
    ours: Mapping[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name=__name__, attribute="defs")
    origin = InProcessCodeLocationOrigin(target, location_name=LOCATION)
    chosen = {name: section for name, section in {**ours, **settings}.items() if section is not None}
    with (
        instance_for_test(overrides=chosen, temp_dir=str(home)) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
    ):
        yield Daemon(instance, workspace)
