"""What starts by itself: conditions that follow the sources, nets of schedules beneath them, sensors for what waits, and by when each
table is to be fresh. A net and a sensor ask first what there is to do, and leave alone what a run under way is doing."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import cache, reduce
from operator import or_
from typing import Any

import dagster as dg
from dagster._time import get_current_datetime

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs.metadata import key_of
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.timetable import RANGE_END, RANGE_START, REBUILD, REFRESH, TIMETABLE, Entry, entry_of
from aclue_pipeline.derived import dirty_days, is_known, missing_days, needed, span, today
from aclue_pipeline.settings import get_settings

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def sensor_status() -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if get_settings().autostart else dg.DefaultSensorStatus.STOPPED


# --- conditions -------------------------------------------------------------------------------------------------------


def condition(catalog: Catalog, table: Table, group: str) -> dg.AutomationCondition[Any] | None:
    """What starts a table by itself, and its checks: facts and profiles follow their sources, each together in one run."""
    if table.kind == "facts":  # the sync also marks the published days that a change reaches
        return _follows(catalog, [*catalog.room("staging", "facts"), *_daily(catalog)])
    if group == "preferences" and table.kind != "view":
        return _follows(catalog, catalog.room("preferences"))
    return None


def _follows(catalog: Catalog, tables: Iterable[Table]) -> dg.AutomationCondition[Any]:
    """True once an observation has found a new version of a source behind these tables, however many views lie between, and where there
    is nothing yet; not again after its run failed or was ended, until a source changes."""
    changes: list[dg.AutomationCondition[Any]] = [
        dg.AutomationCondition.asset_matches(key_of(source), dg.AutomationCondition.data_version_changed())
        for source in _sources(catalog, tables)
    ]
    wanted = reduce(or_, changes, dg.AutomationCondition.missing().newly_true())
    # Not since_last_handled: that forgets a version which is seen at the tick after a request, or at which a run's end is.
    due = wanted.since(dg.AutomationCondition.newly_requested() & ~wanted)
    return due & ~dg.AutomationCondition.in_progress()


def _sources(catalog: Catalog, tables: Iterable[Table]) -> list[str]:
    """The app's tables behind these, through views: what is kept has followed them already."""
    wanted: list[str] = [key for table in tables for key in table.upstream]
    found: set[str] = set()
    while wanted:
        key = wanted.pop()
        if key in catalog.observed:
            found.add(key)
        elif key in catalog.tables and catalog.tables[key].kind == "view":
            wanted += catalog.tables[key].upstream
    return sorted(found)


# --- freshness --------------------------------------------------------------------------------------------------------

#: Hours after its schedule by which a table is there.
_TAKES = 3

#: Profiles follow what people do. Where nobody does anything for days, the sources' own freshness is judged, and these go on waiting.
_QUIET = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=7), warn_window=timedelta(days=3))


def freshness(catalog: Catalog, table: Table, group: str) -> dg.FreshnessPolicy | None:
    """By when a table that is kept must have been computed: since midnight, some hours after its schedule at the latest. What others
    write has a check instead, since a policy looks at what we compute alone."""
    if table.kind == "view" or table.key in catalog.observed:
        return None
    if group == "preferences":
        return _QUIET
    minute, hour, *_ = (REBUILD if table.kind == "facts" else entry_of(group)).cron.split()
    return _daily_by(int(hour) + _TAKES, int(minute), get_settings().timezone)


@cache  # of each time one: Dagster looks at its next thousand days
def _daily_by(hour: int, minute: int, timezone: str) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.cron(f"{minute} {hour} * * *", timedelta(hours=hour, minutes=minute), timezone)


# --- schedules --------------------------------------------------------------------------------------------------------


def schedules(catalog: Catalog) -> list[dg.ScheduleDefinition]:
    asks = {REBUILD.schedule: _nightly(catalog), REFRESH.schedule: _waiting}
    return [_schedule(entry, asks.get(entry.schedule)) for entry in TIMETABLE]


def _schedule(entry: Entry, asks: Callable[..., Any] | None) -> dg.ScheduleDefinition:
    """`asks`: gives the runs, or says why there is none; without it there is one at every time."""
    named: dict[str, Any] = {
        "name": entry.schedule,
        "job_name": entry.job,
        "cron_schedule": entry.cron,
        "description": entry.when,
        "execution_timezone": get_settings().timezone,
        "default_status": dg.DefaultScheduleStatus.RUNNING
        if get_settings().autostart
        else dg.DefaultScheduleStatus.STOPPED,
    }
    return dg.schedule(**named)(asks) if asks else dg.ScheduleDefinition(**named, run_config=dict(entry.config))


def _nightly(catalog: Catalog) -> Callable[..., Any]:
    def nightly(
        context: dg.ScheduleEvaluationContext, database: DatabaseResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        this_day = today(database, context.scheduled_execution_time)
        last = this_day - timedelta(days=1)
        days = {day for table in _daily(catalog) for day in needed(database, catalog, table, last=last)}
        days -= _being_rebuilt(context.instance)
        return _requests(days, f"night-{this_day}") or dg.SkipReason("no day needs to be rebuilt")

    return nightly


def _waiting(context: dg.ScheduleEvaluationContext, database: DatabaseResource) -> dg.RunRequest | dg.SkipReason:
    from aclue_pipeline.preferences import waiting

    if _is_refreshed(context.instance):
        return dg.SkipReason("profiles are being recomputed")
    users = waiting(database)
    return dg.RunRequest() if users else dg.SkipReason("no profile waits")


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


def _history(database: DatabaseResource, catalog: Catalog, this_day: date) -> set[date]:
    """Days that were never computed, where all is deployed; yesterday is the night's."""
    if not is_known(database):
        return set()
    last = this_day - timedelta(days=2)
    return {day for table in _daily(catalog) for day in missing_days(database, table, last)}


def _being_rebuilt(instance: dg.DagsterInstance) -> set[date]:
    """Days of unfinished rebuilds."""
    runs = instance.get_runs(dg.RunsFilter(job_name=REBUILD.job, statuses=_UNFINISHED))
    ranges = [(run.tags.get(RANGE_START), run.tags.get(RANGE_END)) for run in runs]
    return {day for first, last in ranges if first and last for day in span(*map(date.fromisoformat, (first, last)))}


def _is_refreshed(instance: dg.DagsterInstance) -> bool:
    """Whether a run that recomputes profiles is unfinished, by its job or by the condition."""
    profiles = key_of("public.user_preferences")
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    return any(run.job_name == REFRESH.job or profiles in (run.asset_selection or ()) for run in runs)


# --- sensors ----------------------------------------------------------------------------------------------------------


def sensors(catalog: Catalog) -> list[dg.SensorDefinition]:
    status = sensor_status()

    @dg.sensor(
        name="take_in_feedback",
        job_name=REFRESH.job,
        minimum_interval_seconds=300,
        default_status=status,
        description="Recomputes the profiles of those whose feedback on recommendations waits, sooner than by the next observation.",
    )
    def feedback(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.RunRequest | dg.SkipReason:
        from aclue_pipeline.preferences.figures import waiting_feedback

        if _is_refreshed(context.instance):
            return dg.SkipReason("profiles are being recomputed")
        # The same feedback starts one run: where that fails, the hourly net tries again.
        waiting, latest = waiting_feedback(database)
        return dg.RunRequest(run_key=f"feedback-{latest}-{waiting}") if waiting else dg.SkipReason("no feedback waits")

    follow = dg.AutomationConditionSensorDefinition(
        name="follow_sources",
        target=dg.AssetSelection.groups("preferences", "staging") | dg.AssetSelection.checks(),
        minimum_interval_seconds=60,
        default_status=status,
        description="Syncs the facts and recomputes profiles once an observation has found a new version of a source behind them.",
    )
    return [_soon(catalog, status), feedback, follow]


def _soon(catalog: Catalog, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="rebuild_dirty_days",
        job_name=REBUILD.job,
        minimum_interval_seconds=300,
        default_status=status,
        description="Rebuilds, sooner than by night, the days that the sync of facts found changed and those of history that were never"
        " computed; it reads pipeline.dirty and pipeline.days. By hand: Preview tick result, Launch all.",
    )
    def dirty(context: dg.SensorEvaluationContext, database: DatabaseResource) -> list[dg.RunRequest] | dg.SkipReason:
        going, this_day = _being_rebuilt(context.instance), today(database, get_current_datetime())
        missing = _history(database, catalog, this_day) - going
        left, first = missing | going, get_settings().first_day
        days = {
            day: at for day, at in dirty_days(database, *_daily(catalog)).items() if day >= first and day not in left
        }
        # Under the same key a second run would not start: a day that fails is tried again by night, or when it changes again.
        found = [
            *_requests(missing, f"missing-{this_day}"),
            *_requests(days, f"dirty-{max(days.values(), default='')}"),
        ]
        return found or dg.SkipReason("no published day is dirty, and none is missing")

    return dirty
