"""The code location: every asset, check, job and schedule, by name of its module (no folder is scanned: an installed wheel has no
pyproject to scan from). Importing this reads nothing, opens no connection and loads neither pandas nor scikit-learn."""

import os
import socket
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.errors import DagsterMaxRetriesExceededError
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs import (
    alerts,
    app,
    automation,
    beta,
    executors,
    funnel,
    health,
    history,
    preferences,
    resources,
    retire,
    revenue,
    schema,
    staging,
    timetable,
)
from aclue_pipeline.settings import LOCATION, PROCESS_TAG, Settings, get_settings

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database

ROOMS = (app, schema, staging, preferences, revenue, funnel, health)


def build_defs(catalog: Catalog | None = None, **overrides: Any) -> dg.Definitions:
    """The definitions of what the SQL files say (of `catalog`, read already), with resources replaced by name:
    `build_defs(database=Database(url))`."""
    catalog = catalog or Catalog.load()
    built = [room.build(catalog) for room in ROOMS]
    return dg.Definitions(
        assets=beta.with_python_references([asset for assets, _ in built for asset in assets]),
        asset_checks=[check for _, checks in built for check in checks],
        jobs=[
            schema.deploy_schema,
            *retire.JOBS,
            revenue.close_month(catalog),
            staging.clear_erased(catalog),
            history.purge_history,
            *timetable.jobs(catalog),
        ],
        schedules=automation.schedules(catalog),
        sensors=[*automation.sensors(catalog), alerts.sensor(catalog)],
        resources={"database": resources.database, **overrides},
        executor=executors.executor(),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What Dagster loads."""
    return build_defs()


def _began(error: BaseException) -> BaseException:
    """What a step raised before it became a failure, or a request to try again."""
    while not isinstance(error, dg.Failure) and (before := error.__cause__ or error.__context__):
        error = before
    return error.__cause__ or error


@lru_cache(maxsize=1)
def _defs_of(catalog: Catalog, database: "Database | None", _settings: Settings) -> dg.Definitions:
    """The definitions of the last run, for the next one of the same: building them takes .2 s. They follow from the settings, too."""
    return build_defs(catalog, **({} if database is None else {"database": database}))


def run_job(
    name: str,
    instance: dg.DagsterInstance | None = None,
    partition_range: tuple[date, date] | None = None,
    run_config: Mapping[str, Any] | None = None,
    database: "Database | None" = None,
    raise_on_error: bool = True,
    catalog: Catalog | None = None,
) -> dg.ExecuteInProcessResult:
    """Run the job `name` to its end in this process, recorded in `instance`: for the demo, the command line and tests; schedules
    and the UI start jobs by themselves. `partition_range`: first and last day (both counted) of the daily tables.

    `database` takes the place of the one that ACLUE_DATABASE_URL names. An asset's error is raised as it is, unless
    `raise_on_error` is False: then the result says so.
    """
    tags = {}
    if partition_range is not None:
        first, last = partition_range
        tags = {timetable.RANGE_START: first.isoformat(), timetable.RANGE_END: last.isoformat()}
    job = _defs_of(catalog or Catalog.load(), database, get_settings()).resolve_job_def(name)
    run_id = str(uuid4())
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), SINGLETON_REPOSITORY_NAME), name
    )
    tags[PROCESS_TAG] = f"{os.getpid()}@{socket.gethostname()}"  # should it be killed, the daemon can tell
    tags[REPOSITORY_LABEL_TAG] = origin.repository_origin.get_label()
    try:
        return job.execute_in_process(
            instance=instance,
            run_config=dict(run_config or {}),
            tags=tags,
            raise_on_error=raise_on_error,
            run_id=run_id,
        )
    except (dg.Failure, DagsterMaxRetriesExceededError) as error:
        raise _began(error) from None
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        # Before its first event nobody else would end the run: the UI would wait for it.
        run = instance and instance.get_run_by_id(run_id)
        if instance and run and not run.is_finished:
            instance.report_run_canceled(run, "ended by Ctrl-C")
        raise KeyboardInterrupt from None
    finally:
        # With the tag the UI lists the run among its job's, with the origin it can run it again.
        run = instance and instance.get_run_by_id(run_id)
        if instance and run:
            instance.run_storage.replace_job_origin(run, origin)
