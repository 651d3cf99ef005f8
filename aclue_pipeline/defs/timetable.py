"""When things are computed: each job with its rooms, its schedule and the sentence that asset, schedule and docs show. Every asset
is refreshed by exactly one of them. All stand still until somebody starts them, or ACLUE_AUTOSTART=1 does (the demo sets it)."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs.metadata import key_of
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import RETRIES
from aclue_pipeline.derived import dirty_days, needed, today
from aclue_pipeline.settings import get_settings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

#: The source asset that stands for all that is deployed.
SCHEMA = dg.AssetKey("schema")


class Entry(NamedTuple):
    """A job, the rooms it refreshes, what it does, and its schedule: name, cron, and when it does what. `net`: what else starts it."""

    job: str
    rooms: tuple[str, ...]
    does: str
    schedule: str
    cron: str
    when: str
    net: str = ""
    config: Mapping[str, Any] = MappingProxyType({})


OBSERVE = Entry(
    "observe",
    ("app", "schema"),
    "Look at `schema` and every source table: versions, rows, freshness, contracts.",
    "observe_sources",
    "*/15 * * * *",
    "Every quarter of an hour: are the sources there, fresh, and as agreed?",
)
# Not part of `observe`: judging writes rows and takes them back, which leaves dead ones behind and makes the statistics of a
# large table say that it was written to.
VERIFY = Entry(
    "verify_schema",
    (),
    "Judge the success criteria of the deployment: tried out in transactions that are rolled back.",
    "daily_verification",
    "30 5 * * *",
    "Every morning: do the success criteria hold?",
)
DRIFT = Entry(
    "watch_drift",
    (),
    "Compare what is deployed with what is declared, by one read-only look at the catalogues.",
    "hourly_drift",
    "50 * * * *",
    "Every hour: did somebody change by hand what is deployed?",
)
REFRESH = Entry(
    "refresh_preferences",
    ("preferences",),
    "Recompute the profiles of users whose events changed, and say how good they are.",
    "hourly_preferences",
    "20 * * * *",
    "Every hour: profiles whose events changed.",
    "the sensor `take_in_feedback` starts it sooner where feedback waits",
)
SYNC = Entry(
    "sync_facts",
    (),
    "Judge the clicks and sessions that changed since the last time, keep them as facts, mark the published days they reach.",
    "sync_what_changed",
    "*/15 * * * *",
    "Every quarter of an hour: which events are new or changed, and which published days do they reach?",
    "the schedule `sync_everything` looks at every row once a week, also for those that are gone",
)
SYNC_ALL = SYNC._replace(
    schedule="sync_everything",
    cron="10 3 * * 0",
    when="Every week: all events, also for those that are gone or were loaded without a time of change.",
    config={"ops": {"sync": {"config": {"full": True}}}},
)
REBUILD = Entry(
    "rebuild_revenue_and_funnel",
    ("revenue", "funnel"),
    "Rebuild a range of days of every revenue and funnel table in one run; days that come out the same are not written.",
    "nightly_revenue_and_funnel",
    "30 4 * * *",  # after every clock change of the night, in any zone
    "Every night the days that need it, whatever their age: never computed, changed since, or of another version.",
    "the sensor `rebuild_dirty_days` takes those that changed sooner, a backfill any range",
)
CLOSE = Entry(
    "close_month",
    (),
    "Freeze the commission of the first open month that is over.",
    "monthly_closing",
    "0 7 10 * *",
    "Every month on the 10th: the month before is closed, and what changes of it later is an adjustment.",
)
CLEAR = Entry(
    "clear_erased",
    (),
    "Clear what rows without owner still say of erased people, and addresses and browsers that are older than ACLUE_RETENTION_DAYS.",
    "daily_clearing",
    "50 3 * * *",
    "Every night: nothing is kept of erased people, and of visitors no address longer than it may be.",
)
HEALTH = Entry(
    "check_health",
    ("health",),
    "Slow statements, missing, unused or invalid indexes, growth of tables.",
    "daily_health",
    "0 6 * * *",
    "Every morning: what would slow the database down.",
)
TIMETABLE = (OBSERVE, DRIFT, VERIFY, SYNC, SYNC_ALL, REFRESH, REBUILD, CLOSE, CLEAR, HEALTH)


def sentence(room: str, kind: str = "") -> str:
    """What starts an asset of this room, and the net beneath it."""
    if kind == "view" and room != "health":
        return "Brought up to date by every job that it is part of; a view is always current."
    entry = SYNC if kind == "facts" else next(entry for entry in TIMETABLE if room in entry.rooms)
    net = f"; {entry.net}" if entry.net else ""
    return f"{entry.when} (Job `{entry.job}`, schedule `{entry.schedule}`{net}.)"


# --- jobs -------------------------------------------------------------------------------------------------------------


def jobs(catalog: Catalog) -> "list[AssetJob]":
    drift = dg.AssetSelection.checks(dg.AssetCheckKey(SCHEMA, "drift"))
    of_schema = dg.AssetSelection.checks_for_assets(SCHEMA)
    sources = dg.AssetSelection.assets(SCHEMA, *map(key_of, catalog.observed)) - of_schema
    facts = dg.AssetSelection.assets(*(key_of(table.key) for table in catalog.room("staging", "facts")))
    selections = {OBSERVE.job: sources, DRIFT.job: drift, VERIFY.job: of_schema - drift, SYNC.job: facts}
    return [
        dg.define_asset_job(
            entry.job,
            selections[entry.job] if entry.job in selections else _selection(catalog, entry),
            description=entry.does,
            op_retry_policy=RETRIES,  # of observations, which have none of their own
        )
        for entry in TIMETABLE
        if entry not in (SYNC_ALL, CLOSE, CLEAR)  # another time of the same job; no assets
    ]


def _selection(catalog: Catalog, entry: Entry) -> dg.AssetSelection:
    """The rooms' assets and checks, the staging tables that they read (for published days all), and the contracts of the sources
    behind these: where a source lacks a column, what reads it is not computed."""
    read = _read_by(catalog, [*entry.rooms, *(["staging"] if entry is REBUILD else [])])
    staging = {key for key in read if catalog.tables[key].room == "staging"}
    staging |= {table.key for table in catalog.room("staging") if entry is REBUILD}
    contracts = [dg.AssetCheckKey(key_of(key), "contract") for key in read if key in catalog.observed]
    selection = dg.AssetSelection.groups(*entry.rooms) | dg.AssetSelection.checks(*contracts)
    return selection | dg.AssetSelection.assets(*map(key_of, sorted(staging))) if staging else selection


def _read_by(catalog: Catalog, rooms: Iterable[str]) -> list[str]:
    """Tables that the rooms' tables are made of, at any distance."""
    wanted = [key for key, table in catalog.tables.items() if table.room in rooms]
    if "preferences" in rooms:
        wanted.append("public.user_preferences")
    read: dict[str, None] = {}
    while wanted:
        for upstream in catalog.tables[wanted.pop()].upstream:
            if upstream in catalog.tables and upstream not in read:
                read[upstream] = None
                wanted.append(upstream)
    return [key for key in catalog.tables if key in read]


# --- schedules and sensors --------------------------------------------------------------------------------------------


def schedules(catalog: Catalog) -> list[dg.ScheduleDefinition]:
    return [_nightly(catalog) if entry is REBUILD else _schedule(entry) for entry in TIMETABLE]


def _status() -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if get_settings().autostart else dg.DefaultScheduleStatus.STOPPED


def _schedule(entry: Entry) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=entry.schedule, job_name=entry.job, cron_schedule=entry.cron, description=entry.when, run_config=dict(entry.config),
        execution_timezone=get_settings().timezone, default_status=_status(),
    )  # fmt: skip


#: Days between two that are to be rebuilt which are taken along: a run costs more than finding that they are the same.
_GAP = timedelta(days=7)


def _requests(days: Iterable[date], key: str) -> list[dg.RunRequest]:
    """A run for each stretch of days; it writes only those that come out different."""
    stretches: list[list[date]] = []
    for day in sorted(days):
        if stretches and day - stretches[-1][-1] <= _GAP:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    return [
        dg.RunRequest(
            run_key=f"{key}-{first}-{last}", tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
        )
        for first, last in ((stretch[0], stretch[-1]) for stretch in stretches)
    ]


def _daily(catalog: Catalog) -> list[Table]:
    return [*catalog.room("revenue", "daily"), *catalog.room("funnel", "daily")]


def _nightly(catalog: Catalog) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=REBUILD.schedule, job_name=REBUILD.job, cron_schedule=REBUILD.cron, description=REBUILD.when,
        execution_timezone=get_settings().timezone, default_status=_status(),
    )  # fmt: skip
    def nightly(
        context: dg.ScheduleEvaluationContext, database: DatabaseResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        this_day = today(database, context.scheduled_execution_time)
        last = this_day - timedelta(days=1)
        days = {day for table in _daily(catalog) for day in needed(database, catalog, table, last=last)}
        return _requests(days, f"night-{this_day}") or dg.SkipReason("no day needs to be rebuilt")

    return nightly


def sensors(catalog: Catalog) -> list[dg.SensorDefinition]:
    @dg.sensor(
        name="rebuild_dirty_days",
        job_name=REBUILD.job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus(_status().value),
        description="Rebuilds the days that the sync of facts found changed, soon instead of by night; it reads pipeline.dirty alone.",
    )
    def dirty(database: DatabaseResource) -> list[dg.RunRequest] | dg.SkipReason:
        days = {
            day: at for day, at in dirty_days(database, *_daily(catalog)).items() if day >= get_settings().first_day
        }
        # Under the same key a second run would not start: a day that fails is tried again by night, or when it changes again.
        return _requests(days, f"dirty-{max(days.values(), default='')}") or dg.SkipReason("no published day is dirty")

    @dg.sensor(
        name="take_in_feedback",
        job_name=REFRESH.job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus(_status().value),
        description="Recomputes the profiles of those whose feedback on recommendations waits, sooner than by the hour.",
    )
    def feedback(database: DatabaseResource) -> dg.RunRequest | dg.SkipReason:
        from aclue_pipeline.preferences.figures import waiting_feedback

        # The same feedback starts one run: where that fails, the hourly one tries again.
        waiting, latest = waiting_feedback(database)
        return dg.RunRequest(run_key=f"feedback-{latest}-{waiting}") if waiting else dg.SkipReason("no feedback waits")

    return [dirty, feedback]
