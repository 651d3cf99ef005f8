"""The whole demo in one go: the stand-in for the app, the schema, the data, then every job, run in this process and recorded where
the UI shows it. A step whose ground has not changed since it was done is not done again; demo.steps remembers.

The order is a real one: the schema is deployed beside the app's own tables, and only then do events arrive."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import dagster as dg

from aclue_pipeline import schema
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.definitions import run_job
from aclue_pipeline.demo.load import Loaded, load, loaded
from aclue_pipeline.demo.simulator import UNSETTLED_DAYS
from aclue_pipeline.derived import ensure_tables
from aclue_pipeline.postgres import Database, app, query, script
from aclue_pipeline.settings import get_settings

_STEPS = """
create schema if not exists demo;
create table if not exists demo.steps (
    step text primary key, ground text not null, until date, said text not null, red text[] not null, warned text[] not null,
    finished_at timestamptz not null default now());
comment on table demo.steps is 'One row per step of the demo: from what it was last computed, and what came out.';
"""
#: Quiet: what a job logs is in the UI.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Told(NamedTuple):
    """How a step ended."""

    step: str
    said: str
    red: tuple[str, ...]  # checks that did not pass
    warned: tuple[str, ...]  # checks that did not, and only warn
    seconds: float  # 0 where it was done before


@dataclass(frozen=True)
class Stage:
    """What the steps work on. `admin_url`: the same database as its superuser, asked for when the app's tables are missing;
    `instance`: where runs are recorded, opened when the first job runs; `users` and `days` as in `load`."""

    database: Database
    catalog: Catalog
    admin_url: Callable[[], str]
    instance: Callable[[], dg.DagsterInstance]
    users: int | None = None
    days: int | None = None


def tour(stage: Stage, say: Callable[[str], None]) -> Iterator[Told]:
    """Do what is still to do, one step after the other; `say` gets a line as each begins.

    An error of a job is raised as it is; what was done until then is kept.
    """
    install(stage.database, stage.admin_url, say)
    yield _deploy(stage, say)
    yield _load(stage, say)
    _derive(stage)
    for job in JOBS:
        yield _job(stage, job, say)


@dataclass(frozen=True)
class Job:
    """A job, what it is said to do, and the rooms whose SQL and Python its result follows from."""

    name: str
    says: str
    rooms: tuple[str, ...]
    is_daily: bool = False


#: In the order in which their results build on each other.
JOBS = (
    Job("observe", "looking at the sources: versions, rows, freshness, contracts", ("app", "schema")),
    Job(
        "refresh_preferences",
        "preferences: signals, a taste model, a profile for every user",
        ("staging", "preferences"),
    ),
    Job(
        "rebuild_revenue_and_funnel",
        "revenue and funnel: every day since the first click",
        ("staging", "revenue", "funnel"),
        True,
    ),
    Job("verify_schema", "judging the success criteria on the filled tables", ("schema",)),
    Job("check_health", "health: slow statements, unused indexes, growth", ("health",)),
)


def install(database: Database, admin_url: Callable[[], str], say: Callable[[str], None]) -> None:
    """The stand-in for the app's tables where there are none, and the demo's own memory."""
    with database.begin() as connection:
        there = query(connection, "select to_regclass('public.products') is not null as there")[0]["there"]
    if not there:
        say("the app's own tables, as Supabase would have them")
        app.install(admin_url(), "a")
    with database.begin() as connection:
        script(connection, _STEPS)


def _deploy(stage: Stage, say: Callable[[str], None]) -> Told:
    _, told = _remembered(stage.database, "deploy_schema")
    if told is not None and not schema.plan(stage.database).steps:
        return told
    config = {"ops": {"deploy": {"config": {"database": stage.database.name}}}}
    return _run(stage, "deploy_schema", "deploying the five tables", Ground("sql/schema"), say, config=config)


def _load(stage: Stage, say: Callable[[str], None]) -> Told:
    began = time.monotonic()
    say("sample data up to yesterday")
    rows = load(stage.database, stage.users, stage.days)
    with stage.database.begin() as connection:
        now = loaded(connection)
    assert now is not None
    added = f"{sum(rows.values()):,} rows added" if rows else "up to date"
    said = f"{now.users} people, {now.first_day} to {now.last_day}: {added}"
    return Told("load", said, (), (), time.monotonic() - began if rows else 0)


def _derive(stage: Stage) -> None:
    """Views and empty tables, so that every job finds what it reads, in whatever order it looks."""
    ensure_tables(stage.database, stage.catalog)


class Ground(NamedTuple):
    """What a result follows from: `what` changes with the people, the first day and the SQL and Python of its rooms; `until` is
    the last day loaded."""

    what: str
    until: date | None = None


def _ground(catalog: Catalog, now: Loaded, job: Job) -> Ground:
    versions = [
        f"{key} {table.code_version}" for key, table in sorted(catalog.tables.items()) if table.room in job.rooms
    ]
    digest = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:16]
    return Ground(f"{now.users} people from {now.first_day}, code {digest}", now.last_day)


def days_to_rebuild(now: Loaded, before: Ground, what: str) -> tuple[date, date]:
    """First and last day of `now` that can come out different from what was computed on the ground `before`: of the same people
    by the same code, only the last ones; all of them else, as far as there are partitions."""
    first = max(now.first_day, get_settings().first_day)
    if before.until is not None and before.what == what:
        first = max(first, before.until - timedelta(days=UNSETTLED_DAYS))
    return first, now.last_day


def _job(stage: Stage, job: Job, say: Callable[[str], None]) -> Told:
    with stage.database.begin() as connection:
        now = loaded(connection)
    assert now is not None
    ground = _ground(stage.catalog, now, job)
    before, told = _remembered(stage.database, job.name)
    if told is not None and before == ground:
        return told
    days = days_to_rebuild(now, before, ground.what) if job.is_daily else None
    return _run(stage, job.name, job.says, ground, say, days=days)


def _run(
    stage: Stage,
    name: str,
    says: str,
    ground: Ground,
    say: Callable[[str], None],
    days: tuple[date, date] | None = None,
    config: dict[str, Any] | None = None,
) -> Told:
    began = time.monotonic()
    say(says)
    result = run_job(
        name,
        instance=stage.instance(),
        partition_range=days,
        run_config=_QUIET | (config or {}),
        database=stage.database,
        catalog=stage.catalog,
    )
    checks = result.get_asset_check_evaluations()
    red, warned = (
        sorted(
            f"{c.asset_key.to_user_string()}: {c.check_name}"
            for c in checks
            if not c.passed and (c.severity.value == "WARN") is warns
        )
        for warns in (False, True)
    )
    materialised = len({event.asset_key for event in result.get_asset_materialization_events()})
    parts = [f"{materialised} assets"] if materialised else []
    parts += [f"{len(checks) - len(red) - len(warned)} of {len(checks)} checks green"] if checks else []
    said = ", ".join(parts) or "done"
    with stage.database.begin() as connection:
        query(
            connection,
            """insert into demo.steps (step, ground, until, said, red, warned) values (:step, :what, :until, :said, :red, :warned)
               on conflict (step) do update
               set (ground, until, said, red, warned, finished_at)
                   = (excluded.ground, excluded.until, excluded.said, excluded.red, excluded.warned, now())""",
            step=name,
            said=said,
            red=red,
            warned=warned,
            **ground._asdict(),
        )
    return Told(name, said, tuple(red), tuple(warned), time.monotonic() - began)


def _remembered(database: Database, step: str) -> tuple[Ground, Told | None]:
    """On which ground a step was done last, and how it ended."""
    with database.begin() as connection:
        rows = query(
            connection, "select ground, until, said, red, warned from demo.steps where step = :step", step=step
        )
    if not rows:
        return Ground(""), None
    row = rows[0]
    return Ground(row["ground"], row["until"]), Told(step, row["said"], tuple(row["red"]), tuple(row["warned"]), 0)


def figures(database: Database) -> dict[str, str]:
    """What the tables say now, for the summary: name → text."""
    with database.begin() as connection:
        now = loaded(connection)
        counts = query(
            connection,
            """select (select count(*) from public.swipe_interactions) as swipes, (select count(*) from public.product_views) as views,
                      (select count(*) from public.user_preferences) as profiles,
                      (select count(*) from public.user_preferences where confidence_level >= 0.5) as confident""",
        )[0]
        revenue = query(
            connection,
            """select coalesce(sum(valid_clicks), 0) as clicks, coalesce(sum(conversions), 0) as conversions,
                      coalesce(sum(actual_commission), 0) as commission from analytics.revenue_daily""",
        )[0]
        funnel = query(
            connection,
            """select coalesce(sum(sessions), 0) as sessions, coalesce(sum(converted), 0) as converted
               from analytics.session_funnel_daily""",
        )[0]
    return {
        "sample data": _span(now),
        "events": f"{counts['views']:,} views, {counts['swipes']:,} swipes",
        "preferences": f"{counts['profiles']:,} profiles, {counts['confident']:,} of them with confidence 0.5 or more",
        "revenue": f"{revenue['clicks']:,} valid clicks, {revenue['conversions']:,} conversions, {revenue['commission']:,.2f} GBP",
        "funnel": f"{funnel['sessions']:,} sessions, {funnel['converted']:,} of them to a conversion",
    }


def _span(now: Loaded | None) -> str:
    if now is None:
        return "none"
    days = (now.last_day - now.first_day) // timedelta(days=1) + 1
    return f"{now.users} people, {days} days to {now.last_day}, seed {now.seed}"
