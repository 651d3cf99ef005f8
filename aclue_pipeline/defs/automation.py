"""When things are computed: jobs and their schedules. Every asset is scheduled by exactly one of them, which its description
names. All stand still until somebody starts them, or ACLUE_AUTOSTART=1 does (the demo sets it)."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import schema
from aclue_pipeline.defs.describe import key_of
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.derived import dirty_days, needed
from aclue_pipeline.settings import get_settings

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

_CRITERIA = dg.AssetSelection.checks(schema.success_criteria)


def jobs(catalog: Catalog) -> "list[AssetJob]":
    return [
        dg.define_asset_job(
            "observe",
            dg.AssetSelection.assets(schema.KEY, *_sources(catalog)) - _CRITERIA,
            description="Look at `schema` and every source table: versions, rows, freshness, contracts.",
            tags={"aclue/room": "observe"},
        ),
        # Not part of `observe`: judging writes rows and takes them back, which leaves dead ones behind and makes the statistics of a
        # large table say that it was written to.
        dg.define_asset_job(
            "verify_schema",
            _CRITERIA,
            description="Judge the deployment guide's success criteria: tried out in transactions that are rolled back.",
            tags={"aclue/room": "schema"},
        ),
        _job(
            catalog,
            "refresh_preferences",
            ["preferences"],
            "Recompute the profiles of users whose events changed, and say how good they are.",
        ),
        _job(
            catalog,
            "rebuild_revenue_and_funnel",
            ["revenue", "funnel"],
            "Rebuild a range of days of every revenue and funnel table in one run; days that come out the same are not written.",
            all_staging=True,
        ),
        _job(catalog, "check_health", ["health"], "Slow statements, unused or invalid indexes, growth of tables."),
    ]


def _sources(catalog: Catalog) -> list[dg.AssetKey]:
    """The tables that others write."""
    return [key_of(table.key) for table in [*catalog.room("app"), *schema.event_tables(catalog)]]


def _job(catalog: Catalog, name: str, rooms: Iterable[str], description: str, all_staging: bool = False) -> "AssetJob":
    """The rooms' assets and checks, the staging tables that they read (or all), and the contracts of the sources behind these:
    where a source lacks a column, what reads it is not computed."""
    rooms = list(rooms)
    read = _read_by(catalog, [*rooms, *(["staging"] if all_staging else [])])
    staging = [key_of(key) for key in read if catalog.tables[key].room == "staging"]
    staging += [key_of(table.key) for table in catalog.room("staging") if all_staging and table.key not in read]
    sources = set(_sources(catalog))
    contracts = [dg.AssetCheckKey(key_of(key), "contract") for key in read if key_of(key) in sources]
    selection = dg.AssetSelection.groups(*rooms) | dg.AssetSelection.checks(*contracts)
    if staging:
        selection = selection | dg.AssetSelection.assets(*staging)
    return dg.define_asset_job(name, selection, description=description, tags={"aclue/room": "+".join(rooms)})


def _read_by(catalog: Catalog, rooms: Iterable[str]) -> list[str]:
    """Tables that the rooms' tables are made of, at any distance."""
    wanted = [key for key, table in catalog.tables.items() if table.room in rooms]
    if "preferences" in rooms:
        wanted.append("public.user_preferences")
    found: dict[str, None] = {}
    while wanted:
        for upstream in catalog.tables[wanted.pop()].upstream:
            if upstream in catalog.tables and upstream not in found:
                found[upstream] = None
                wanted.append(upstream)
    return [key for key in catalog.tables if key in found]


# --- schedules --------------------------------------------------------------------------------------------------------


def _status() -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if get_settings().autostart else dg.DefaultScheduleStatus.STOPPED


def _schedule(name: str, job: str, cron: str, description: str) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name, job_name=job, cron_schedule=cron, execution_timezone=get_settings().timezone, default_status=_status(),
        description=description,
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
        name="nightly_revenue_and_funnel",
        job_name="rebuild_revenue_and_funnel",
        cron_schedule="30 4 * * *",  # after every clock change of the night, in any zone
        execution_timezone=get_settings().timezone,
        default_status=_status(),
        description="Every night the days that need it, whatever their age: never computed, changed since, or of another version.",
    )
    def nightly(
        context: dg.ScheduleEvaluationContext, database: DatabaseResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(ZoneInfo(get_settings().timezone)).date()
        found = {
            day for table in _daily(catalog) for day in needed(database, catalog, table, last=today - timedelta(days=1))
        }
        return _requests(found, f"night-{today}") or dg.SkipReason("no day needs to be rebuilt")

    return nightly


def sensors(catalog: Catalog) -> list[dg.SensorDefinition]:
    @dg.sensor(
        name="rebuild_dirty_days",
        job_name="rebuild_revenue_and_funnel",
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus(_status().value),
        description="Rebuilds the days that the sync of facts found changed, soon instead of by night; it reads pipeline.dirty alone.",
    )
    def dirty(database: DatabaseResource) -> list[dg.RunRequest] | dg.SkipReason:
        found = {
            day: at for day, at in dirty_days(database, *_daily(catalog)).items() if day >= get_settings().first_day
        }
        # Under the same key a second run would not start: a day that fails is tried again by night, or when it changes again.
        return _requests(found, f"dirty-{max(found.values(), default='')}") or dg.SkipReason(
            "no published day is dirty"
        )

    return [dirty]


def schedules(catalog: Catalog) -> list[dg.ScheduleDefinition]:
    return [
        _schedule(
            "observe_sources", "observe", "*/15 * * * *", "Every quarter: are the sources there, fresh, and as agreed?"
        ),
        _schedule(
            "daily_verification", "verify_schema", "30 5 * * *", "Every morning: do the guide's success criteria hold?"
        ),
        _schedule(
            "hourly_preferences", "refresh_preferences", "20 * * * *", "Every hour: profiles whose events changed."
        ),
        _nightly(catalog),
        _schedule("daily_health", "check_health", "0 6 * * *", "Every morning: what would slow the database down."),
    ]
