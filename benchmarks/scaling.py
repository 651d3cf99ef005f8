"""Beyond one machine, tried on one: a job by each executor against the run's own process, and profiles over two Dask workers against one
process, in turns. On the same cores nobody gains machines: what is measured is what another place costs, and what it could save. The
rows are the same each time, or it ends."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Any

import psycopg
from distributed import Client, LocalCluster
from psycopg import sql
from sqlalchemy import make_url

from aclue_pipeline import derived, preferences
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.demo.load import load as load_demo
from aclue_pipeline.evaluation import throwaway
from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences import signals, versions
from aclue_pipeline.preferences.cluster import over
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.recalculation import Over
from aclue_pipeline.preferences.rows import profile_lines
from benchmarks import Result, deployed_database, load
from benchmarks.preferences import empty, floor_of

RUNS = 3
DAYS, USERS = 30, 300  # of the demo
PEOPLE, PRODUCTS, SWIPES = 50_000, 5_000, 1_000_000
#: Run config of each job, and what is measured of it: a process for each of many steps starts for minutes.
JOBS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "sync_facts": ({"ops": {"sync": {"config": {"full": True}}}}, ("multiprocess", "celery")),
    "rebuild_revenue_and_funnel": ({}, ("celery",)),
}

#: A process of its own, as a run's is; what it takes to start is the same for all.
_RUN = """
import json, sys, time
import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
name, home, tags, config = sys.argv[1:]
job = ReconstructableJob(ReconstructableRepository(ModuleCodePointer("aclue_pipeline.definitions", "defs", None)), name)
job.get_definition()
with dg.DagsterInstance.from_config(home) as instance:
    begun = time.perf_counter()
    done = dg.execute_job(job, instance, json.loads(config), json.loads(tags), raise_on_error=True)
    print("\\n" + json.dumps([time.perf_counter() - begun, sum(e.is_step_success for e in done.all_events)]))
"""


# --- a job ------------------------------------------------------------------------------------------------------------


class Place:
    """A database to copy, and what the environment of runs and workers says."""

    def __init__(self, admin: str, home: Path, first: date) -> None:
        self._admin = make_url(admin).set(drivername="postgresql")
        (home / "dagster.yaml").symlink_to(Path(__file__).parents[1] / "dagster.yaml")
        self.home = home
        self.tags = {
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": (first + timedelta(days=DAYS - 1)).isoformat(),
        }
        self.environment = {
            **os.environ,
            "ACLUE_HOME": str(home),
            "ACLUE_FIRST_DAY": first.isoformat(),
            "ACLUE_DATABASE_URL": self._url("job"),
            "ACLUE_DAGSTER_URL": self._url("dagster").replace("postgresql:", "postgresql+psycopg2:"),
        }

    def _url(self, name: str) -> str:
        return self._admin.set(database=name).render_as_string(hide_password=False)

    def anew(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute("drop database if exists job with (force)")
            connection.execute(sql.SQL("create database job template {}").format(sql.Identifier(self._admin.database)))

    def run(self, job: str, executor: str) -> tuple[float, int]:
        """(seconds, steps)"""
        self.anew()
        tags = self.tags if job.startswith("rebuild") else {}
        told = [job, str(self.home), json.dumps(tags), json.dumps(JOBS[job][0])]
        command, environment = [sys.executable, "-c", _RUN, *told], self.environment | {"ACLUE_EXECUTOR": executor}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        seconds, steps = json.loads(done.stdout.splitlines()[-1])
        return seconds, steps

    def published(self) -> str:
        """A digest of all daily tables."""
        digest = hashlib.sha256()
        told = "to_jsonb(t) - array['run_id', 'computed_at', 'publication', 'source_max_updated_at']"
        with psycopg.connect(self._url("job")) as pg:
            for table in Catalog.load().tables.values():
                if table.kind == "daily":
                    select = f"select {told} from {table.key} as t order by 1"
                    for (row,) in pg.execute(select):
                        digest.update(json.dumps(row).encode())
        return digest.hexdigest()

    @contextmanager
    def worker(self) -> Iterator[None]:
        """A redis, and a Celery worker with a process for each of two cores."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        redis = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL
        )
        self.environment["ACLUE_BROKER_URL"] = f"redis://127.0.0.1:{port}/0"
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "aclue_pipeline.defs.celery", "worker", "-c", "2"],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield
        finally:
            for process in (worker, redis):
                process.terminate()
                process.wait(60)


def _of_jobs() -> list[Result]:
    assert shutil.which("redis-server"), "install redis-server"
    first = date.today() - timedelta(days=DAYS)  # noqa: DTZ011 - as the load counts them
    with throwaway.deployed_database() as (database, admin), tempfile.TemporaryDirectory() as home:
        load_demo(database, users=USERS, days=DAYS)
        derived.sync(database, Catalog.load())
        database.close()
        admin.close()
        place = Place(admin.url, Path(home), first)
        with place.worker():
            return [result for job in JOBS for result in _of_a_job(place, job)]


def _of_a_job(place: Place, job: str) -> list[Result]:
    found: dict[str, list[float]] = {}
    rows = set[str]()
    place.run(job, "celery")  # its processes load the definitions
    for _ in range(RUNS):
        alone, steps = place.run(job, "in_process")
        rows.add(place.published())
        found.setdefault("in_process", []).append(alone)
        for executor in JOBS[job][1]:
            found.setdefault(executor, []).append(place.run(job, executor)[0] / alone)
            rows.add(place.published())
    assert len(rows) == 1, "an executor wrote other rows"
    of = f"{steps} steps, {DAYS} days of {USERS} users"
    return [
        Result(
            f"{job}, {executor}", values, *(("s", of) if executor == "in_process" else ("ratio", f"{of} : in_process"))
        )
        for executor, values in found.items()
    ]


# --- profiles ---------------------------------------------------------------------------------------------------------


def _recalculated(database: Database, how: Over) -> tuple[float, str]:
    """(seconds, digest of the rows)"""
    empty(database)
    begun = time.perf_counter()
    preferences.recalculate(database, full=True, over=how)
    seconds, digest = time.perf_counter() - begun, hashlib.sha256()
    told = "to_jsonb(p) - array['last_calculated', 'created_at', 'updated_at']"
    with database.psycopg() as pg:
        for (row,) in pg.execute(f"select ({told})::text from public.user_preferences as p order by user_id"):
            digest.update(row.encode())
    return seconds, digest.hexdigest()


def _blocks(database: Database) -> tuple[partial[bytes], list[tuple[object, ...]]]:
    """What is called, and with what."""
    with database.psycopg() as pg:
        pg.execute("set transaction isolation level repeatable read")
        model = preferences.load_model(pg)
        read = signals.blocks(pg, signals.ALL, Lookup(model.items.ids), model.vocabulary)
        return partial(profile_lines, model=model), [(block.users, block.events, None) for block in read]


def _computed(how: Over, function: partial[bytes], blocks: list[tuple[object, ...]]) -> float:
    begun = time.perf_counter()
    for _ in how(function, blocks):
        pass
    return time.perf_counter() - begun


def _of_profiles() -> list[Result]:
    with deployed_database() as database:
        load(database, "preferences_data.sql", users=PEOPLE, products=PRODUCTS, swipes=SWIPES)
        versions.TRAINING_EVENTS = 100_000  # type: ignore[misc]  # a version by more events costs no more here
        preferences.pin(database, preferences.train(database, half_life_days=180).version)
        with (
            LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            found = _pairs(database, over(client))
    of = f"{PEOPLE:,} users, {SWIPES:,} swipes"
    return [
        Result("full recalculation", found["whole"], "s", of),
        Result("the database's share: COPY out and in", found["floor"], "ratio", f"{of} : full recalculation"),
        Result("the kernel's: profiles as lines of COPY", found["kernel"], "ratio", f"{of} : full recalculation"),
        Result("the kernel on two Dask workers", found["kernel on two"], "ratio", f"{of} : in one process"),
        Result("full recalculation over two Dask workers", found["whole on two"], "ratio", f"{of} : in one process"),
    ]


def _pairs(database: Database, on_two: Over) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    work, rows = _blocks(database), set[str]()
    _computed(on_two, *work)  # its processes load what they need
    for _ in range(RUNS):
        whole, digest = _recalculated(database, starmap)
        least = floor_of(database)
        kernel, kernel_on_two = _computed(starmap, *work), _computed(on_two, *work)
        whole_on_two, other = _recalculated(database, on_two)
        rows |= {digest, other}
        ratios = {
            "whole": whole,
            "floor": least / whole,
            "kernel": kernel / whole,
            "kernel on two": kernel_on_two / kernel,
            "whole on two": whole_on_two / whole,
        }
        for name, value in ratios.items():
            found.setdefault(name, []).append(value)
    assert len(rows) == 1, "the cluster computed other rows"
    return found


def measure(part: str = "") -> list[Result]:
    return [*(_of_jobs() if part != "profiles" else []), *(_of_profiles() if part != "jobs" else [])]
