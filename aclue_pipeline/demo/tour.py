"""The whole demo in one go: the stand-in for the app, the schema, the data, then every job, run in this process and recorded where
the UI shows it. Jobs know themselves what is to be computed; the tour only says in which order they follow.

The order is a real one: the schema is deployed beside the app's own tables, and only then do events arrive: first those of all but
the last weeks, on which the days are published and the months that are over closed; then those since, with the sales that were
reported late or taken back, an account and a product that the app deleted: what was published is restated, what was closed adjusted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import dagster as dg

from aclue_pipeline import schema
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.definitions import run_job
from aclue_pipeline.demo.clock import ZONE
from aclue_pipeline.demo.load import Loaded, install, load, loaded
from aclue_pipeline.demo.report import write_report
from aclue_pipeline.derived import ensure_tables, needed
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.preferences import waiting
from aclue_pipeline.revenue.closing import next_to_close
from aclue_pipeline.revenue.imports import import_report
from aclue_pipeline.settings import get_settings

EARLIER: Final = timedelta(weeks=3)  # before yesterday the first events end
SYNC: Final = "sync_facts"
REFRESH: Final = "refresh_preferences"
REBUILD: Final = "rebuild_revenue_and_funnel"
CLOSE: Final = "close_month"
REPORT: Final = "network report"
#: In the order in which their results build on each other, with what each is said to do.
JOBS: Final = {
    "observe": "looking at the sources: versions, rows, freshness, contracts",
    SYNC: "facts: what is new or changed among the events, and which published days it reaches",
    REFRESH: "preferences: signals, a taste model, a profile for every user",
    REBUILD: "revenue and funnel: every day that was not computed yet, or changed since",
    "verify_schema": "judging the success criteria on the filled tables",
    "check_health": "health: slow statements, unused indexes, growth",
}
#: Quiet: what a job logs is in the UI.
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
#: After a load every row is looked at: also for those that were deleted, or came late.
_FULL: Final = {"ops": {"sync": {"config": {"full": True}}}}


class Step(NamedTuple):
    """How a step ended."""

    name: str
    result: str
    red: tuple[str, ...] = ()  # checks that did not pass
    warned: tuple[str, ...] = ()  # checks that did not, and only warn


@dataclass(frozen=True)
class Stage:
    """What the steps work on. `admin_url`: the same database as its superuser, asked for when the app's tables are missing;
    `instance`: where runs are recorded, opened when the first job runs; `say` gets a line as each step begins; `users` and `days`
    as in `load`; `home`: where the network's report is left."""

    database: Database
    catalog: Catalog
    admin_url: Callable[[], str]
    instance: Callable[[], dg.DagsterInstance]
    say: Callable[[str], None]
    users: int | None = None
    days: int | None = None
    home: Path = field(default_factory=lambda: get_settings().home)

    @property
    def loaded(self) -> Loaded | None:
        with self.database.begin() as connection:
            return loaded(connection)


def tour(stage: Stage) -> Iterator[Step]:
    """Every step, one after the other. An error of a job is raised as it is; what was done until then is kept."""
    install(stage.database, stage.admin_url, stage.say)
    if schema.plan(stage.database).changes:
        config = {"ops": {"deploy": {"config": {"database": stage.database.name}}}}
        yield _run(stage, "deploy_schema", "deploying the five tables", config)
    ensure_tables(stage.database, stage.catalog)  # so that every job finds what it reads, in whatever order it looks
    if stage.loaded is None:
        until = datetime.now(ZONE).date() - timedelta(days=1) - EARLIER
        yield _load(stage, "sample data up to some weeks ago", until)
        yield _run(stage, SYNC, "facts of the events of then")
        yield _rebuild(stage, "revenue and funnel, as they were published then")
        yield _close(stage, until)
        yield _import(stage)
    before = stage.loaded
    yield _load(stage, "sample data up to yesterday")
    for job, says in JOBS.items():
        if job == REBUILD:
            yield _rebuild(stage, says)
            yield _import(stage)
        elif job == REFRESH and not waiting(stage.database):
            yield Step(job, "no profile waits")
        else:
            yield _run(stage, job, says, _FULL if job == SYNC and stage.loaded != before else None)


def _load(stage: Stage, says: str, until: date | None = None) -> Step:
    stage.say(says)
    rows = load(stage.database, stage.users, stage.days, until=until)
    return Step("load", f"{stage.loaded}: " + (f"{sum(rows.values()):,} rows added" if rows else "up to date"))


def _rebuild(stage: Stage, says: str) -> Step:
    """One run from the first to the last day that any table needs; none where nothing is needed."""
    now, db, catalog = stage.loaded, stage.database, stage.catalog
    assert now is not None
    daily = [table for table in catalog.tables.values() if table.kind == "daily"]
    days = [day for table in daily for day in needed(db, catalog, table, now.first_day, now.last_day)]
    if not days:
        return Step(REBUILD, "no day needs to be rebuilt")
    return _run(stage, REBUILD, says, days=(min(days), max(days)))


def _close(stage: Stage, until: date) -> Step:
    """Every month that was over on that day, by a run each."""
    closed = 0
    while (month := next_to_close(stage.database, stage.catalog)) and month + timedelta(days=31) < until:
        _run(stage, CLOSE, f"closing {month:%Y-%m}")
        closed += 1
    return Step(CLOSE, f"{closed} months closed")


def _import(stage: Stage) -> Step:
    """What one network reports of its sales as they stand, imported as `aclue revenue import FILE` would."""
    stage.say("what CJ reports of its sales, set beside what the clicks brought")
    path = write_report(stage.database, stage.home / "reports")
    if path is None:
        return Step(REPORT, "no sale to report")
    done, _ = import_report(stage.database, stage.catalog, path.read_bytes(), path.name, "the demo")
    if not done.is_new:
        return Step(REPORT, f"{path.name} was imported before")
    before = f", {done.reported_before:,} of them reported before" if done.reported_before else ""
    return Step(REPORT, f"{path.name}: {done.taken:,} lines taken{before}, {done.rejected:,} rejected")


def _run(
    stage: Stage, job: str, says: str, config: dict[str, Any] | None = None, days: tuple[date, date] | None = None
) -> Step:
    stage.say(says)
    result = run_job(
        job,
        instance=stage.instance(),
        partition_range=days,
        run_config=_QUIET | (config or {}),
        database=stage.database,
        catalog=stage.catalog,
    )
    checks = result.get_asset_check_evaluations()
    failed = sorted((f"{c.asset_key.to_user_string()}: {c.check_name}", c.severity) for c in checks if not c.passed)
    red, warned = (
        tuple(name for name, severity in failed if severity == one)
        for one in (dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN)
    )
    made = len({event.asset_key for event in result.get_asset_materialization_events()})
    parts = [f"{made} assets"] if made else []
    parts += [f"{len(checks) - len(failed)} of {len(checks)} checks green"] if checks else []
    return Step(job, ", ".join(parts) or "done", red, warned)


def figures(database: Database) -> dict[str, str]:
    """What the tables say now, for the summary: name → text."""
    with database.begin() as connection:
        now = loaded(connection)
        [row] = query(
            connection,
            """select (select count(*) from public.swipe_interactions) as swipes, (select count(*) from public.product_views) as views,
                      (select count(*) from public.user_preferences) as profiles,
                      (select count(*) from public.user_preferences where confidence_level >= 0.5) as confident, r.*, m.*, f.*
               from (select coalesce(sum(valid_clicks), 0) as clicks, coalesce(sum(conversions), 0) as conversions,
                            coalesce(sum(actual_commission), 0) as commission from analytics.revenue_daily) as r,
                    (select count(distinct month) filter (where closed is not null) as months,
                            coalesce(sum(adjustments), 0) as adjustments from analytics.commission_monthly) as m,
                    (select coalesce(sum(sessions) filter (where step_name = 'landing'), 0) as sessions,
                            coalesce(sum(sessions) filter (where step_name = 'conversion'), 0) as converted
                     from analytics.session_funnel_daily where path = 'all') as f""",
        )
    return {
        "sample data": f"{now}, seed {now.seed}" if now else "none",
        "events": f"{row['views']:,} views, {row['swipes']:,} swipes",
        "preferences": f"{row['profiles']:,} profiles, {row['confident']:,} of them with confidence 0.5 or more",
        "revenue": f"{row['clicks']:,} valid clicks, {row['conversions']:,} conversions, {row['commission']:,.2f} GBP",
        "months": f"{row['months']:,} closed, {row['adjustments']:,.2f} GBP adjusted since",
        "funnel": f"{row['sessions']:,} sessions, {row['converted']:,} of them to a conversion",
    }
