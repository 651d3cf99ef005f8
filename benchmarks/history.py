"""What Dagster's event log grows by: rows and bytes of each kind of run, and of a day of them at rest, before and after the purge."""

import logging
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.definitions import run_job
from aclue_pipeline.derived import today
from aclue_pipeline.evaluation import throwaway
from aclue_pipeline.health.history import purge
from aclue_pipeline.postgres import Database
from benchmarks import Result
from tests.support.storage import stored_in

#: How often each job runs in a day on which nothing changes.
A_DAY = {"observe": 96, "check_sources": 24, "watch_drift": 24, "rebuild_revenue_and_funnel": 1}
LOOKS = ["observe", "check_sources", "watch_drift"]


def _size(dagster: Database) -> tuple[int, int]:
    with dagster.psycopg() as pg:
        ((rows, size),) = pg.execute(
            "select count(*), coalesce(sum(pg_column_size(e.*)), 0) from event_logs e"
        ).fetchall()
    return int(rows), int(size)


def measure() -> list[Result]:
    logging.disable(logging.INFO)
    catalog = Catalog.load()
    with throwaway.deployed_database() as (database, _), tempfile.TemporaryDirectory() as home:
        dagster = Database(database.url.removesuffix(database.name) + "dagster")
        with stored_in(dagster.url, Path(home)) as instance:
            return _measured(database, dagster, instance, catalog, Path(home))


def _measured(
    database: Database, dagster: Database, instance: dg.DagsterInstance, catalog: Catalog, home: Path
) -> list[Result]:
    yesterday = today(database) - timedelta(days=1)

    def run(job: str) -> None:
        days = (yesterday, yesterday) if job.startswith("rebuild") else None
        run_job(job, instance, days, database=database, catalog=catalog, raise_on_error=False)

    def grown(act: Callable[[], object]) -> tuple[int, int]:
        before = _size(dagster)
        act()
        after = _size(dagster)
        return after[0] - before[0], after[1] - before[1]

    each = {}
    for job in A_DAY:
        run(job)  # the first look finds everything new
        each[job] = grown(lambda job=job: run(job))  # type: ignore[misc]
    results = [
        Result(f"{job}, nothing changed: {what}", [float(each[job][n])], what, f"{times} a day")
        for job, times in A_DAY.items()
        for n, what in enumerate(("rows", "bytes"))
    ]
    day = [sum(each[job][n] * times for job, times in A_DAY.items()) for n in (0, 1)]
    gone = purge(dagster, datetime.now(UTC) + timedelta(days=1), LOOKS)
    rebuilt = grown(lambda: run("rebuild_revenue_and_funnel"))
    purge(dagster, datetime.now(UTC) + timedelta(days=1), LOOKS)
    left = _size(dagster)
    return [
        *results,
        Result("a day at rest: rows", [float(day[0])], "rows", f"{gone.events} of the runs above went in the purge"),
        Result("a day at rest: bytes", [float(day[1])], "bytes", f"a rebuild writes {rebuilt[0]} rows"),
        Result("kept of all runs: rows", [float(left[0])], "rows", "the last looks, and what rebuilds say of assets"),
        Result("kept of all runs: bytes", [float(left[1])], "bytes", "the same"),
    ]
