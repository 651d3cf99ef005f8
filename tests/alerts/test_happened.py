"""What Dagster's storage says, on real runs of small definitions."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.instance_for_test import instance_for_test
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from aclue_pipeline.alerts.alert import judged
from aclue_pipeline.checks import Judgement
from aclue_pipeline.defs import happened
from aclue_pipeline.defs.checks import result
from aclue_pipeline.defs.steps import clearly
from aclue_pipeline.errors import DaysFailed, MissingPrerequisite

STRANGER = "ann@example.org wrote <!channel>"


class World:
    """Two assets, a check of each kind of outcome, a job; what they do, the test says."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.error = instance, None
        self.outcome = "passed"

        @dg.asset(key=["analytics", "sales"])
        @clearly
        def sales() -> None:
            if self.error:
                raise self.error

        @dg.asset_check(asset=sales, name="adds_up", description="Days add up.", blocking=True)
        def adds_up() -> dg.AssetCheckResult:
            evidence = {"missing": 3, "share": 0.5, "who": STRANGER}
            return result(
                Judgement("adds_up", "analytics.sales", self.outcome, "blocking", STRANGER, evidence, "aclue sync")
            )  # type: ignore[arg-type]

        job = dg.define_asset_job("rebuild", dg.AssetSelection.all())
        self.repository = dg.Definitions(assets=[sales], asset_checks=[adds_up], jobs=[job]).get_repository_def()

        graph = self.repository.asset_graph
        self.specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]

    def run(self, job: str = "rebuild", **tags: str) -> None:
        selected = [dg.AssetKey(["analytics", "sales"])] if job == "__ASSET_JOB" else None
        definition = self.repository.get_job(job)
        definition.execute_in_process(instance=self.instance, raise_on_error=False, tags=tags, asset_selection=selected)

    def said(self) -> list[Judgement]:
        checks = happened.checks(self.instance, self.specs)
        return wrong(chain(checks, happened.failed_runs(self.instance, self.repository.job_names)))


def wrong(judgements: Iterable[Judgement]) -> list[Judgement]:
    """What is told."""
    return [one for one in judgements if not one.passed and one.severity != "info"]


def lasting(judgements: Iterable[Judgement], *keys: str) -> list[str]:
    """What of these is neither over nor gone where it is told no more."""
    said = judged(judgements)
    return [key for key in keys if not said.end_of(key)]


@pytest.fixture
def world() -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance)


def test_a_check_that_a_run_made_is_told_in_our_words_and_numbers(world: World) -> None:
    assert world.said() == [], "nothing was ever run"
    assert lasting(happened.checks(world.instance, world.specs), "adds_up:analytics.sales", "gone:analytics.sales") == [
        "adds_up:analytics.sales"
    ]
    for world.outcome, severity in (("failed", "blocking"), ("not judged", "blocking")):
        world.run()
        [red] = [one for one in world.said() if one.check != "run"]
        assert (red.check, red.object, red.outcome, red.severity) == (
            "adds_up",
            "analytics.sales",
            world.outcome,
            severity,
        )
        assert (red.sentence, red.remedy) == ("Days add up. (missing 3, share 0.5)", "aclue sync")
    world.outcome = "failed"
    world.run()
    world.error = MissingPrerequisite("no table")
    world.run()
    assert [one.check for one in world.said()] == ["adds_up", "run"], (
        "a run that ended before the check ends no trouble"
    )


def test_a_job_whose_last_run_failed_is_told_by_its_step_and_kind_until_a_run_succeeds(world: World) -> None:
    world.error = DaysFailed({"analytics.sales": {}}, {})
    world.run(**{"dagster/will_retry": "true"})
    assert world.said() == [], "it is run again"
    world.run()
    world.run("__ASSET_JOB")
    names = [(one.check, one.object, one.sentence) for one in world.said()]
    assert names == [
        ("run", "analytics.sales", "the last run of analytics.sales failed at analytics__sales (DaysFailed)"),
        ("run", "rebuild", "the last run of rebuild failed at analytics__sales (DaysFailed)"),
    ]
    world.error = ValueError(STRANGER)
    world.run()
    assert STRANGER not in str(world.said())
    world.run(**{"dagster/will_retry": "true"})
    runs = list(happened.failed_runs(world.instance, world.repository.job_names))
    assert lasting(runs, "run:rebuild", "run:gone") == ["run:rebuild"], (
        "it is run again; whether it then succeeds, nobody knows"
    )
    world.error = None
    world.run()
    assert world.said() == [], "the job made what the other run could not"
    world.error = ValueError(STRANGER)
    world.run("__ASSET_JOB")
    assert [one.identity for one in world.said()] == ["run:analytics.sales"]
    world.error = None
    world.run("__ASSET_JOB")
    assert world.said() == []


def test_what_failed_is_told_also_where_many_other_runs_ended_since(world: World, monkeypatch) -> None:
    world.error = ValueError(STRANGER)
    world.run("__ASSET_JOB")
    monkeypatch.setattr(happened, "_LATEST", 1)
    other = {dg.AssetKey(["analytics", "clicks"])}
    create_run_for_test(world.instance, "__ASSET_JOB", status=dg.DagsterRunStatus.SUCCESS, asset_selection=other)
    assert [one.identity for one in world.said()] == ["run:analytics.sales"]


def test_a_run_that_never_began_is_told(world: World) -> None:
    now = datetime.now(UTC)
    world.instance.create_run_for_job(world.repository.get_job("rebuild"))
    assert wrong(happened.waiting_runs(world.instance, now)) == []
    [late] = wrong(happened.waiting_runs(world.instance, now + timedelta(hours=1)))
    assert (late.identity, late.sentence) == (
        "run_waits:rebuild",
        "1 runs of rebuild have waited for more than 0.5 h and not begun",
    )


def beat(instance: dg.DagsterInstance, now: datetime, *without: str) -> None:
    for part in instance.get_required_daemon_types():
        if part not in without:
            instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), part, "daemon", []))


@pytest.mark.slow
def test_what_does_not_schedule_is_told_while_something_is_on() -> None:
    @dg.op
    def nothing() -> None: ...

    job = dg.GraphDefinition("rebuild", node_defs=[nothing]).to_job()
    nightly = dg.ScheduleDefinition(name="nightly", job=job, cron_schedule="0 4 * * *", execution_timezone="UTC")

    @dg.sensor(name="often")
    def often() -> None: ...

    repository = dg.Definitions(jobs=[job], schedules=[nightly], sensors=[often]).get_repository_def()
    began = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with instance_for_test() as instance:  # an ephemeral one keeps no ticks

        def said(now: datetime) -> list[str]:
            return [f"{one.identity} {one.sentence}" for one in wrong(happened.scheduling(instance, repository, now))]

        def stay(now: datetime) -> list[str]:
            return lasting(
                happened.scheduling(instance, repository, now), "tick:nightly", "tick_missed:nightly", "tick:gone"
            )

        assert said(began) == [], "nothing is on"
        ticks = Ticks(instance, "nightly", ScheduleInstigatorData("0 4 * * *", began.timestamp()))
        Ticks(instance, "gone", ScheduleInstigatorData("0 4 * * *", began.timestamp()))
        assert said(began) == [
            "scheduling:dagster 1 schedules and sensors are on, and no daemon has said for 10 min that it lives"
        ]
        assert stay(began) == ["tick:nightly", "tick_missed:nightly", "tick:gone"], "nobody knows while no daemon lives"
        beat(instance, began)
        assert (said(began), stay(began)) == ([], [])
        later = began.replace(day=3, hour=4, minute=5)
        beat(instance, later, "SENSOR")
        assert "not SENSOR has said for 10 min" in said(later)[0]
        beat(instance, later)
        assert said(later) == [], "five minutes late"
        later += timedelta(minutes=10)
        beat(instance, later)
        assert said(later) == [
            "tick_missed:nightly the schedule nightly was due 2026-03-03 04:00 UTC and was not asked"
        ]
        ticks.tick(TickStatus.FAILURE, began.replace(day=3, hour=4))
        assert said(later) == ["tick:nightly the schedule nightly could not be asked what to start (OperationalError)"]
        ticks.turn(InstigatorStatus.STOPPED)
        assert said(later) == []
        sensor = Ticks(instance, "often", SensorInstigatorData())
        sensor.tick(TickStatus.FAILURE, later), sensor.tick(TickStatus.STARTED, later + timedelta(seconds=1))
        assert said(later) == [], "it is asked again soon"
        sensor.tick(TickStatus.FAILURE, later + timedelta(seconds=2))
        assert said(later) == ["tick:often the sensor often could not be asked what to start (OperationalError)"]
        sensor.tick(TickStatus.SKIPPED, later + timedelta(seconds=3))
        assert said(later) == []


class Ticks:
    """A schedule or a sensor as Dagster's storage keeps it, switched on."""

    def __init__(
        self, instance: dg.DagsterInstance, name: str, data: ScheduleInstigatorData | SensorInstigatorData
    ) -> None:
        self.instance = instance
        self.kind = InstigatorType.SCHEDULE if isinstance(data, ScheduleInstigatorData) else InstigatorType.SENSOR
        repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("aclue_pipeline"), "__repository__")
        origin = RemoteInstigatorOrigin(repository, name)
        self.state = InstigatorState(origin, self.kind, InstigatorStatus.RUNNING, data)
        instance.add_instigator_state(self.state)

    def turn(self, status: InstigatorStatus) -> None:
        self.instance.update_instigator_state(self.state.with_status(status))

    def tick(self, status: TickStatus, at: datetime) -> None:
        error = SerializableErrorInfo(STRANGER, [], "OperationalError") if status == TickStatus.FAILURE else None
        ids = self.state.instigator_origin_id, self.state.name, self.kind
        tick = TickData(*ids, status, at.timestamp(), error=error, selector_id=self.state.selector_id)
        self.instance.create_tick(tick)
