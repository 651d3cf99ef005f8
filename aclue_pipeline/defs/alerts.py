"""Alerts: who judges what somebody is told of, and the sensor that sweeps. What is told, to whom and how often, the room says."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import dagster as dg
from dagster._time import get_current_datetime

from aclue_pipeline.alerts import Source, asked, numbers_only, sweep, targets, unjudged, well
from aclue_pipeline.catalog import Catalog, CheckFile
from aclue_pipeline.checks import Judgement, judge_each
from aclue_pipeline.defs import app, happened, schema
from aclue_pipeline.defs.automation import sensor_status
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.errors import AlreadyRunning
from aclue_pipeline.health.findings import CHECK, looks
from aclue_pipeline.postgres import Database

_HOURLY = timedelta(hours=1)

#: Findings of health that stop the app while they last, and cost next to nothing to look for.
_NOW = {"blockers", "connections"}


def sources(database: Database, catalog: Catalog, dagster: Callable[[], Iterable[Judgement]] | None) -> list[Source]:
    """Everybody who judges. What is a cheap read is asked for here, so that it is told while Dagster stands still, too; the rest
    are checks of runs, which `dagster` tells."""
    here = [
        Source("app", lambda: _contracts(database, catalog)),
        Source("schema", lambda: [schema.judge_drift(database)], "aclue plan", _HOURLY),
        Source("sessions", lambda: _health(database, catalog, _NOW), "aclue health"),
        Source("health", lambda: _health(database, catalog, looks(catalog).keys() - _NOW), "aclue health", _HOURLY),
        Source("events", lambda: _events(database, catalog), every=_HOURLY),
    ]
    if dagster is None:
        return [*here, Source("dagster", None)]
    told = {"contract", "freshness", "drift", CHECK, *(file.name for file in _of_events(catalog))}
    return [*here, Source("dagster", lambda: (one for one in dagster() if one.check not in told))]


def _contracts(database: Database, catalog: Catalog) -> Iterator[Judgement]:
    """What is promised of the tables that others write."""
    yield from judge_each(database, chain(app.contracts(catalog), schema.contracts(catalog)))


def _events(database: Database, catalog: Catalog) -> Iterator[Judgement]:
    """Whether events still come, where their tables are as agreed, and as many as usual: reads days of them, or all."""
    kept = {one.object for one in _contracts(database, catalog) if one.passed}
    fresh = [*app.FRESH, *schema.FRESH]
    yield from judge_each(database, (check for check in fresh if check.object in kept))
    for check in fresh:
        if check.object not in kept:
            yield unjudged(check.name, check.object, "it is not as agreed")
    yield from asked(database, _of_events(catalog))


def _health(database: Database, catalog: Catalog, findings: Collection[str]) -> Iterator[Judgement]:
    """What must be done now. What a finding says may repeat a statement, so that its numbers are told."""
    from aclue_pipeline.health import examine

    yield from map(well, sorted(findings))
    for one in examine(database, catalog, sorted(findings)):
        if one.outcome == "not judged":
            yield unjudged(one.check, "", one.sentence)
        if one.check == "slow_statements":
            one = replace(one, object="statements")  # each is what a stranger makes it: so many are one alert
        if one.outcome == "failed" and one.severity == "error":
            yield numbers_only(one, "must be seen to now, as `aclue health` says")


def _of_events(catalog: Catalog) -> list[CheckFile]:
    """Whether yesterday brought as much as that weekday does."""
    return [file for file in catalog.checks if file.name.endswith("_as_usual")]


def sensor(catalog: Catalog) -> dg.SensorDefinition:
    @dg.sensor(
        name="send_alerts",
        minimum_interval_seconds=300,
        default_status=sensor_status(),
        description="Tells the addresses of ACLUE_ALERT_URLS what is newly wrong, has become worse, or is over; starts no run.",
    )
    def send_alerts(context: dg.SensorEvaluationContext, database: DatabaseResource) -> dg.SkipReason:
        addresses, repository = targets(), context.repository_def
        if not addresses:
            return dg.SkipReason("ACLUE_ALERT_URLS names no address: nobody is told; `aclue alerts` says what is wrong")
        assert repository is not None
        now = get_current_datetime()  # by the clock that Dagster's rows are timed by
        judges = sources(database, catalog, lambda: happened.all_of(context.instance, repository, now))
        try:
            swept = sweep(database, catalog, judges, addresses, now)
        except AlreadyRunning as error:
            return dg.SkipReason(str(error))
        # No failure: that a chat is out of order must not look as if the scheduler were. The other addresses hear of it.
        refused = [f"{address} {why}" for address, why in swept.refused.items()]
        return dg.SkipReason("; ".join([*swept.says, *refused]) or "nothing new to tell")

    return send_alerts
