"""What Dagster's own storage says is wrong, as judgements: checks that only runs make, runs that failed or never started, ticks that
failed, tables that are older than promised. Only reads, and repeats nothing but names, numbers and our own words."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, ScheduleInstigatorData, TickStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as CheckStatus
from dagster._core.storage.tags import WILL_RETRY_TAG
from dagster._utils.schedules import schedule_execution_time_iterator
from dagster_shared.error import SerializableErrorInfo

from aclue_pipeline.alerts import numbers_only, unjudged, well
from aclue_pipeline.catalog.table import Severity
from aclue_pipeline.checks import Judgement

#: After this a run that has not begun will not; one that waits for others may wait for a backfill.
_BEGIN = timedelta(minutes=30)
_QUEUE = timedelta(hours=6)

#: A daemon says every half minute that it lives; a restart, and what waits for it, may take some.
_SILENT = timedelta(minutes=10)
_ENDED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]

#: Runs of no job, such as those from an asset's page, that are looked at: the newest of each selection counts.
_LATEST = 200

_FRESHNESS: dict[FreshnessState, Severity] = {FreshnessState.FAIL: "error", FreshnessState.WARN: "warn"}

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def checks(instance: dg.DagsterInstance, specs: Iterable[dg.AssetCheckSpec]) -> Iterator[Judgement]:
    """The last word of every check, told in the words that say what must hold."""
    by_key = {spec.key: spec for spec in specs}
    storage = instance.event_log_storage
    latest = storage.get_latest_asset_check_execution_by_key(list(by_key))
    for key, spec in by_key.items():
        record = latest.get(key)
        if record and record.status == CheckStatus.PLANNED:  # under way, or its run ended before it
            ended = storage.get_asset_check_execution_history(
                key, limit=1, status={CheckStatus.SUCCEEDED, CheckStatus.FAILED}
            )
            record = next(iter(ended), record)
        if record and isinstance(record.evaluation, AssetCheckEvaluation):
            yield _judgement(spec, record.evaluation)
        else:
            yield unjudged(spec.name, ".".join(spec.asset_key.path), "no run has judged it")


def _judgement(spec: dg.AssetCheckSpec, evaluation: AssetCheckEvaluation) -> Judgement:
    numbers = (dg.IntMetadataValue, dg.FloatMetadataValue)
    evidence = {name: value.value for name, value in evaluation.metadata.items() if isinstance(value, numbers)}
    outcome, remedy, told = (
        evaluation.metadata.get(name, dg.TextMetadataValue("")).value for name in ("outcome", "remedy", "severity")
    )
    warns = evaluation.severity == dg.AssetCheckSeverity.WARN
    judgement = Judgement(
        spec.name,
        ".".join(spec.asset_key.path),
        "passed" if evaluation.passed else "not judged" if outcome == "not judged" else "failed",
        "info" if told == "info" else "warn" if warns else "blocking" if spec.blocking else "error",
        "",
        evidence,
        str(remedy),
    )
    return numbers_only(judgement, str(spec.description))


def failed_runs(instance: dg.DagsterInstance, jobs: Iterable[str]) -> Iterator[Judgement]:
    """Jobs whose last run failed for good; of runs of no job (a condition's, a backfill's, an asset's page) what was not made since."""
    latest: dict[str, dg.RunRecord | None] = {}
    for job in jobs:
        if not job.startswith("__"):
            filters = dg.RunsFilter(job_name=job, statuses=_FINISHED)
            latest[job] = next(iter(instance.get_run_records(filters, limit=1)), None)
            continue
        for statuses in (_FINISHED, [dg.DagsterRunStatus.FAILURE]):  # what failed, also where many others ended since
            for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=statuses), limit=_LATEST):
                latest.setdefault(_selected(record.dagster_run), record)
    for name, last in latest.items():
        if last is None or last.dagster_run.status != dg.DagsterRunStatus.FAILURE:
            yield well("run", name)
            continue
        run = last.dagster_run
        if run.tags.get(WILL_RETRY_TAG) == "true":
            yield unjudged("run", name, "it is run again")
        elif run.job_name != name and _mended(instance, last):
            yield well("run", name)
        else:
            says = f"the last run of {name} failed{_where(instance, run)}"
            yield Judgement("run", name, "failed", "error", says, remedy=f"run {run.run_id[:8]} says why, in the UI")


def _selected(run: dg.DagsterRun) -> str:
    keys = run.asset_selection or {check.asset_key for check in run.asset_check_selection or ()}
    names = sorted(".".join(key.path) for key in keys)
    return (",".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")) or run.job_name


def _mended(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Whether everything that a run was to make or to judge was made or judged after its end."""
    run, ended = record.dagster_run, record.end_time or 0
    made = set()
    for asset in instance.get_asset_records(list(run.asset_selection or ())):
        events = asset.asset_entry.last_materialization_record, asset.asset_entry.last_observation_record
        if any(event and event.timestamp > ended for event in events):
            made.add(asset.asset_entry.asset_key)
    judged = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(run.asset_check_selection or ()))
    return made >= (run.asset_selection or set()) and all(
        one.run_id != run.run_id and one.status != CheckStatus.PLANNED for one in judged.values()
    )


def _where(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The step and the kind of error, never its text."""
    failures = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    for record in failures:
        event = record.event_log_entry.get_dagster_event()
        return f" at {event.step_key} ({_kind(event.step_failure_data.error)})"
    return ""


def _kind(error: SerializableErrorInfo | None) -> str:
    while error and error.cause:
        error = error.cause
    return (error and error.cls_name) or "unknown"


def waiting_runs(instance: dg.DagsterInstance, now: datetime) -> Iterator[Judgement]:
    """Jobs of which a run waits for longer than any should."""
    yield well("run_waits")
    waiting = {
        _BEGIN: [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING],
        _QUEUE: [dg.DagsterRunStatus.QUEUED],
    }
    for bound, statuses in waiting.items():
        filters = dg.RunsFilter(statuses=statuses, created_before=now - bound)
        jobs: dict[str, int] = {}
        for run in instance.get_runs(filters, limit=_LATEST):
            jobs[run.job_name] = jobs.get(run.job_name, 0) + 1
        for job, count in jobs.items():
            says = f"{count} runs of {job} have waited for more than {bound.total_seconds() / 3600:g} h and not begun"
            yield Judgement("run_waits", job, "failed", "error", says, remedy="the daemon's log says what it waits for")


def scheduling(instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, now: datetime) -> Iterator[Judgement]:
    """Of the schedules and sensors that are on: whether a daemon lives, whether ticks are missing, and whether they failed. Where none
    is on, there is nothing to judge."""
    schedules = {one.name: one for one in repository.schedule_defs}
    names = {*schedules, *(one.name for one in repository.sensor_defs)}
    states = [state for state in instance.all_instigator_state() if state.is_running and state.name in names]
    beats = {part: beat.timestamp for part, beat in instance.get_daemon_heartbeats().items()}
    since = (now - _SILENT).timestamp()
    silent = sorted(part for part in instance.get_required_daemon_types() if beats.get(part, 0) < since)
    if states and silent:
        parts = f"of the daemon's parts not {', '.join(silent)}" if len(silent) < len(beats) else "no daemon"
        says = f"{len(states)} schedules and sensors are on, and {parts} has said for {_SILENT.seconds // 60} min that it lives"
        remedy = "start it again: aclue ui, or the daemon's service; its log says why it ended"
        yield Judgement("scheduling", "dagster", "failed", "error", says, remedy=remedy)
        for check in ("tick", "tick_missed"):  # for that ticks are missing
            yield unjudged(check, "", "no daemon lives")
        return
    yield well("scheduling", "dagster")
    for state in states:
        yield from (well(check, state.name) for check in ("tick", "tick_missed"))
        schedule = state.instigator_type == InstigatorType.SCHEDULE
        word = f"the {'schedule' if schedule else 'sensor'} {state.name}"
        needed = 1 if schedule else 2  # a sensor is asked again in minutes
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=needed, statuses=_ENDED)
        if len(ticks) == needed and all(tick.status == TickStatus.FAILURE for tick in ticks):
            says = f"{word} could not be asked what to start ({_kind(ticks[0].error)})"
            yield Judgement("tick", state.name, "failed", "error", says, remedy="the UI says why, under Automation")
        if schedule and (missed := _missed(schedules[state.name], state, ticks, now)):
            says = f"{word} was due {missed:%Y-%m-%d %H:%M} UTC and was not asked"
            yield Judgement("tick_missed", state.name, "failed", "error", says, remedy="the daemon's log says why")


def _missed(
    schedule: dg.ScheduleDefinition, state: InstigatorState, ticks: Sequence[InstigatorTick], now: datetime
) -> datetime | None:
    """The first tick that must have been taken by now, and was not."""
    assert isinstance(state.instigator_data, ScheduleInstigatorData)
    seen = max([state.instigator_data.start_timestamp or 0.0, *(tick.timestamp for tick in ticks)])
    if not seen:
        return None
    due = schedule_execution_time_iterator(seen + 1, schedule.cron_schedule, schedule.execution_timezone)
    first = next(due).astimezone(UTC)
    return first if now - first > _SILENT else None


def stale_tables(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> Iterator[Judgement]:
    """Tables that were not brought up to date within the time that their freshness policy promises. `keys`: those that have one."""
    keys = list(keys)
    records = instance.get_freshness_state_records(keys)
    for key in keys:
        table, state = ".".join(key.path), records[key].freshness_state if key in records else FreshnessState.UNKNOWN
        if state in _FRESHNESS:
            says, remedy = "is older than its freshness policy promises", "see the last runs of its job, in the UI"
            yield Judgement("fresh", table, "failed", _FRESHNESS[state], says, remedy=remedy)
        else:
            yield (
                well("fresh", table) if state == FreshnessState.PASS else unjudged("fresh", table, "nobody has looked")
            )


def all_of(instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, now: datetime) -> Iterator[Judgement]:
    """Everything that Dagster's storage says is wrong with what this repository defines."""
    graph = repository.asset_graph
    yield from checks(instance, [graph.get_check_spec(key) for key in graph.asset_check_keys])
    yield from failed_runs(instance, repository.job_names)
    yield from waiting_runs(instance, now)
    yield from scheduling(instance, repository, now)
    promised = [key for key in graph.materializable_asset_keys if graph.get(key).freshness_policy]
    yield from stale_tables(instance, promised)
