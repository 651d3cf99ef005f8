"""The whole demo in one go: the stand-in for the app, the schema, the data, then every job, run in this process and recorded where
the UI shows it. A step whose ground has not changed since it was done is not done again; demo.steps remembers.

The order is a real one: the schema is deployed beside the app's own tables, and only then do events arrive."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from aclue_pipeline.demo.load import Loaded, load, loaded
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database, query

if TYPE_CHECKING:
    import dagster as dg

_STEPS = """
create schema if not exists demo;
create table if not exists demo.steps (
    step text primary key, ground text not null, said text not null, red text[] not null, finished_at timestamptz not null default now());
comment on table demo.steps is 'One row per step of the demo: from what it was last computed, and what came out.';
"""
#: Quiet: what a job logs is in the UI.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Told(NamedTuple):
    """How a step ended."""

    step: str
    said: str
    red: tuple[str, ...]  # checks that did not pass
    seconds: float  # 0 where it was done before


@dataclass(frozen=True)
class Stage:
    """What the steps work on. `admin_url`: the same database as its superuser."""

    database: Database
    admin_url: str
    instance: "Callable[[], dg.DagsterInstance]"


def tour(stage: Stage, say: Callable[[str], None]) -> Iterator[Told]:
    """Do what is still to do, one step after the other; `say` gets a line as each begins.

    An error of a job is raised as it is; what was done until then is kept.
    """
    _install(stage, say)
    yield from _deploy(stage, say)
    yield _load(stage, say)
    _derive(stage)
    ground = _ground(stage.database)
    for name, says in JOBS.items():
        yield _job(stage, name, says, ground, say)


#: The jobs in the order in which their results build on each other, and what each is said to do.
JOBS = {
    "observe": "looking at the sources: versions, rows, freshness, contracts",
    "refresh_preferences": "preferences: signals, a taste model, a profile for every user",
    "rebuild_revenue_and_funnel": "revenue and funnel: every day since the first click",
    "verify_schema": "judging the success criteria on the filled tables",
    "check_health": "health: slow statements, unused indexes, growth",
}


def _install(stage: Stage, say: Callable[[str], None]) -> None:
    from aclue_pipeline.postgres import app, script

    with stage.database.begin() as connection:
        there = query(connection, "select to_regclass('public.products') is not null as there")[0]["there"]
    if not there:
        say("the app's own tables, as Supabase would have them")
        app.install(stage.admin_url, "a")
    with stage.database.begin() as connection:
        script(connection, _STEPS)


def _deploy(stage: Stage, say: Callable[[str], None]) -> Iterator[Told]:
    from aclue_pipeline import schema

    if not schema.plan(stage.database).steps:
        told = _remembered(stage.database, "deploy_schema", "deployed")
        if told is not None:
            yield told
            return
    config = {"ops": {"deploy": {"config": {"database": stage.database.name}}}}
    yield _run(stage, "deploy_schema", "deploying the five tables", "deployed", say, config=config)


def _load(stage: Stage, say: Callable[[str], None]) -> Told:
    began = time.monotonic()
    say("sample data up to yesterday")
    rows = load(stage.database, progress=lambda _line: None)
    with stage.database.begin() as connection:
        now = loaded(connection)
    assert now is not None
    added = f"{sum(rows.values()):,} rows added" if rows else "up to date"
    said = f"{now.users} people, {now.first_day} to {now.last_day}: {added}"
    return Told("load", said, (), time.monotonic() - began if rows else 0)


def _derive(stage: Stage) -> None:
    """Views and empty tables, so that every job finds what it reads, in whatever order it looks."""
    from aclue_pipeline.catalog import ensure_tables

    ensure_tables(stage.database)


def _ground(database: Database) -> str:
    """What the jobs' results follow from: the load, and the SQL and Python of the tables."""
    from aclue_pipeline.catalog import tables

    with database.begin() as connection:
        last = query(connection, "select loaded_at from demo.loaded")[0]["loaded_at"]
    versions = hash_of([f"{key} {table.code_version}" for key, table in sorted(tables().items())])
    return f"{last.isoformat()} {versions}"


def hash_of(lines: list[str]) -> str:
    import hashlib

    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _job(stage: Stage, name: str, says: str, ground: str, say: Callable[[str], None]) -> Told:
    told = _remembered(stage.database, name, ground)
    if told is not None:
        return told
    days = days_of(stage.database) if name == "rebuild_revenue_and_funnel" else None
    return _run(stage, name, says, ground, say, days=days)


def days_of(database: Database) -> tuple[date, date]:
    """The days that the demo's events touch and that are over: the whole load, within the partitions."""
    from aclue_pipeline.settings import get_settings

    with database.begin() as connection:
        now = loaded(connection)
    if now is None:
        raise NothingFound("the demo is not loaded here; run aclue demo load first")
    return max(now.first_day, get_settings().first_day), now.last_day


def _run(
    stage: Stage,
    name: str,
    says: str,
    ground: str,
    say: Callable[[str], None],
    days: tuple[date, date] | None = None,
    config: dict[str, Any] | None = None,
) -> Told:
    from aclue_pipeline.defs.run import run_job

    began = time.monotonic()
    say(says)
    result = run_job(
        name,
        instance=stage.instance(),
        partition_range=days,
        run_config=_QUIET | (config or {}),
        database=stage.database,
    )
    checks = result.get_asset_check_evaluations()
    red = sorted(f"{check.asset_key.to_user_string()}: {check.check_name}" for check in checks if not check.passed)
    materialised = len({event.asset_key for event in result.get_asset_materialization_events()})
    parts = [f"{materialised} assets"] if materialised else []
    parts += [f"{len(checks) - len(red)} of {len(checks)} checks green"] if checks else []
    said = ", ".join(parts) or "done"
    with stage.database.begin() as connection:
        query(
            connection,
            """insert into demo.steps (step, ground, said, red) values (:step, :ground, :said, :red)
               on conflict (step) do update set (ground, said, red, finished_at) = (excluded.ground, excluded.said, excluded.red, now())""",
            step=name,
            ground=ground,
            said=said,
            red=red,
        )
    return Told(name, said, tuple(red), time.monotonic() - began)


def _remembered(database: Database, step: str, ground: str) -> Told | None:
    with database.begin() as connection:
        rows = query(
            connection,
            "select said, red from demo.steps where step = :step and ground = :ground",
            step=step,
            ground=ground,
        )
    return Told(step, rows[0]["said"], tuple(rows[0]["red"]), 0) if rows else None


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
