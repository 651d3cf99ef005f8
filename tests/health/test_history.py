"""Dagster's history: what goes, and that whatever is known of assets, checks and partitions stays."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from aclue_pipeline.definitions import build_defs, run_job
from aclue_pipeline.defs.timetable import RANGE_END, RANGE_START
from aclue_pipeline.health import history
from aclue_pipeline.postgres import Database
from tests.conftest import Databases
from tests.support.catalogs import CATALOG
from tests.support.storage import stored_in

pytestmark = [pytest.mark.database, pytest.mark.slow]


def counted(dagster: Database) -> dict[str, int]:
    tables = ("event_logs", "runs", "run_tags", "asset_check_executions", "asset_event_tags", "job_ticks")
    with dagster.psycopg() as pg:
        return {table: pg.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}  # type: ignore[index]


def state(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What pages, conditions and the next run go by."""
    assets = sorted(instance.all_asset_keys())
    return {
        "versions": {key: instance.get_latest_data_version_record(key) for key in assets},
        "materialized": {key: instance.get_latest_materialization_event(key) for key in assets},
        "partitions": {key: instance.get_materialized_partitions(key) for key in assets},
        "checks": instance.event_log_storage.get_latest_asset_check_execution_by_key(CHECKED),
    }


CHECKED = [
    dg.AssetCheckKey(dg.AssetKey(["analytics", "revenue_daily"]), "same_sql"),
    dg.AssetCheckKey(dg.AssetKey(["schema"]), "drift"),
]


@pytest.fixture
def dagster(databases: Databases) -> Database:
    return databases.copy("supabase")


@pytest.fixture
def instance(dagster: Database, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """As the chart writes it: what its storage is stands in dagster.yaml alone, not in ACLUE_DAGSTER_URL."""
    with stored_in(dagster.url, tmp_path) as instance:
        yield instance


def test_what_is_old_goes_in_batches_and_every_assets_state_stays(
    instance: dg.DagsterInstance, dagster: Database, deployed_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_RUNS", 1)

    for job in ("observe", "watch_drift", "observe", "watch_drift"):
        run_job(job, instance, database=deployed_db, catalog=CATALOG)
    one = build_defs(CATALOG, database=deployed_db).resolve_implicit_global_asset_job_def()
    earlier, rebuilt = (
        one.get_subset(asset_selection={dg.AssetKey(["analytics", "revenue_daily"])})
        .execute_in_process(instance=instance, tags={RANGE_START: "2026-03-28", RANGE_END: "2026-03-30"})
        .run_id
        for _ in range(2)
    )
    under_way = instance.create_run_for_job(
        dg.JobDefinition(name="observe", graph_def=dg.GraphDefinition("observe")), status=dg.DagsterRunStatus.STARTED
    )
    instance.report_engine_event("goes on", under_way)
    before, known = counted(dagster), state(instance)
    looks = ["observe", "watch_drift"]

    assert history.purge(dagster, datetime.now(UTC) - timedelta(days=1), looks) == history.Purged(0, 0, 0)
    done = history.purge(dagster, datetime.now(UTC) + timedelta(days=1), looks)
    assert done.runs == 2, "of each job that looks the last run holds what is known"
    after = counted(dagster)
    assert before["event_logs"] - after["event_logs"] == done.events > before["event_logs"] / 2
    assert before["runs"] - after["runs"] == done.runs
    assert state(instance) == known
    assert instance.get_run_by_id(under_way.run_id) == under_way
    assert len(instance.all_logs(under_way.run_id)) == 1
    left = [
        {str(entry.dagster_event_type and entry.dagster_event_type.value) for entry in instance.all_logs(run)}
        for run in (earlier, rebuilt)
    ]
    made = {"ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED"}
    assert left == [made, made | {"ASSET_CHECK_EVALUATION", "ASSET_CHECK_EVALUATION_PLANNED"}]
    with dagster.psycopg() as pg:
        said = "select count(*), count(distinct check_name) from asset_check_executions where asset_key like '%revenue_daily%'"
        ((rows, checks),) = pg.execute(said).fetchall()
    assert rows == checks, "what a check said once that it has spoken again is no state"
    assert history.purge(dagster, datetime.now(UTC) + timedelta(days=1), looks) == history.Purged(0, 0, 0)


def test_the_job_deletes_the_folders_of_old_runs_too(instance: dg.DagsterInstance) -> None:
    storage = Path(instance.storage_directory())
    old, new, other = storage / str(uuid4()), storage / str(uuid4()), storage / "something_else"
    for path in (old, new, other):
        (path / "compute_logs").mkdir(parents=True)
    for path in (old, other):
        os.utime(path, (0, 0))
    run_job("purge_history", instance, catalog=CATALOG)
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)
