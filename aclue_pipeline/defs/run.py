"""A job run in this process, recorded in a Dagster instance: for the demo, the CLI and tests. Schedules and the UI start jobs by
themselves; nothing here is theirs."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.defs.automation import RANGE_END, RANGE_START

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database


def run_job(
    name: str,
    instance: dg.DagsterInstance | None = None,
    partition_range: tuple[date, date] | None = None,
    run_config: Mapping[str, Any] | None = None,
    database: "Database | None" = None,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Run the job `name` to its end. `partition_range`: first and last day (both counted) of the daily tables.

    `database` takes the place of the one that ACLUE_DATABASE_URL names. An asset's error is raised as it is, unless
    `raise_on_error` is False: then the result says so.
    """
    from aclue_pipeline.definitions import build_defs

    overrides: dict[str, Any] = {} if database is None else {"database": database}
    tags = {}
    if partition_range is not None:
        first, last = partition_range
        tags = {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
    job = build_defs(**overrides).resolve_job_def(name)
    return job.execute_in_process(
        instance=instance, run_config=dict(run_config or {}), tags=tags, raise_on_error=raise_on_error
    )
