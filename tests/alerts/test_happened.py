"""What Dagster's storage says, on real runs of small definitions."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

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
from dagster_shared.error import SerializableErrorInfo

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

    def run(self, job: str = "rebuild", **tags: str) -> None:
        selected = [dg.AssetKey(["analytics", "sales"])] if job == "__ASSET_JOB" else None
        definition = self.repository.get_job(job)
        definition.execute_in_process(instance=self.instance, raise_on_error=False, tags=tags, asset_selection=selected)

    def said(self) -> list[Judgement]:
        graph = self.repository.asset_graph
        specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
        found = (
            happened.checks(self.instance, specs),
            happened.failed_runs(self.instance, self.repository.job_names),
        )
        return [one for each in found for one in each if not one.passed]


@pytest.fixture
def world() -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance)


def test_a_check_that_a_run_made_is_told_in_our_words_and_numbers(world: World) -> None:
    assert world.said() == [], "nothing was ever run"
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
    world.error = None
    world.run()
    world.run("__ASSET_JOB")
    assert world.said() == []


def test_a_run_that_never_began_is_told(world: World) -> None:
    now = datetime.now(UTC)
    world.instance.create_run_for_job(world.repository.get_job("rebuild"))
    assert list(happened.waiting_runs(world.instance, now)) == []
    [late] = happened.waiting_runs(world.instance, now + timedelta(hours=1))
    assert (late.identity, late.sentence) == (
        "run_waits:rebuild",
        "1 runs of rebuild have waited for more than 0.5 h and not begun",
    )


def test_ticks_that_failed_are_told_while_what_ticks_is_on() -> None:
    with instance_for_test() as instance:  # an ephemeral one keeps no ticks
        for kind, needed in ((InstigatorType.SCHEDULE, 1), (InstigatorType.SENSOR, 2)):
            _ticks(instance, kind, needed)


def _ticks(instance: dg.DagsterInstance, kind: InstigatorType, needed: int) -> None:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("aclue_pipeline"), "__repository__")
    origin = RemoteInstigatorOrigin(repository, kind.value)
    data = ScheduleInstigatorData("0 4 * * *", 0.0) if kind == InstigatorType.SCHEDULE else SensorInstigatorData()
    state = InstigatorState(origin, kind, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(state)

    def tick(status: TickStatus) -> None:
        error = SerializableErrorInfo(STRANGER, [], "OperationalError") if status == TickStatus.FAILURE else None
        ids = state.instigator_origin_id, state.name
        instance.create_tick(TickData(*ids, kind, status, time.time(), error=error, selector_id=state.selector_id))

    tick(TickStatus.SKIPPED)
    for _ in range(needed):
        assert list(happened.failed_ticks(instance)) == []
        tick(TickStatus.FAILURE)
    tick(TickStatus.STARTED)
    [red] = happened.failed_ticks(instance)
    assert red.identity == f"tick:{kind.value}"
    assert red.sentence.endswith(f"{kind.value} could not be asked what to start (OperationalError)")
    tick(TickStatus.SKIPPED)
    assert list(happened.failed_ticks(instance)) == []
    tick(TickStatus.FAILURE), tick(TickStatus.FAILURE)
    instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
    assert list(happened.failed_ticks(instance)) == []
