"""The job that keeps Dagster's own history from growing without end. Unlike all others it works on Dagster's database, not the app's."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg
from dagster._time import get_current_datetime

from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.defs.timetable import CONTRACTS, DRIFT, OBSERVE, PURGE
from aclue_pipeline.errors import DatabaseNotNamed
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings


@dg.op(name="purge_events", description=PURGE.does, tags={"kind": "postgres"}, **step())
@clearly
def purge_op(context: dg.OpExecutionContext) -> None:
    from aclue_pipeline.health.history import purge

    url = getattr(context.instance.run_storage, "postgres_url", None)  # the chart names it in dagster.yaml alone
    if url is None:
        raise DatabaseNotNamed("Dagster's storage is no database of its own: set ACLUE_DAGSTER_URL")
    before = get_current_datetime() - timedelta(days=get_settings().history_days)
    dagster = Database(url)
    try:
        done = purge(dagster, before, [OBSERVE.job, CONTRACTS.job, DRIFT.job])
    finally:
        dagster.close()
    folders = _purge_folders(context.instance, before)
    went = f"{done.events:,} events, {done.runs:,} runs that only looked, {done.ticks:,} ticks, {folders:,} folders"
    context.log.info(f"of before {before:%Y-%m-%d}: {went}")


def _purge_folders(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete what steps printed: a folder for each run."""
    storage = Path(instance.storage_directory())  # not there where another place keeps what steps print
    old = [path for path in storage.iterdir() if _is_of_run(path)] if storage.is_dir() else []
    gone = [path for path in old if path.stat().st_mtime < before.timestamp() and _has_ended(instance, path.name)]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return len(gone)


def _is_of_run(path: Path) -> bool:
    try:
        return bool(UUID(path.name))
    except ValueError:
        return False


def _has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished


@dg.job(name=PURGE.job, description=PURGE.does, executor_def=dg.in_process_executor)
def purge_history() -> None:
    purge_op()
