"""What every step shares: it takes turns by its room, tries again what passes by itself, and fails by one line."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from aclue_pipeline.definitions import build_defs, run_job
from aclue_pipeline.defs import retire, steps
from aclue_pipeline.derived import facts
from aclue_pipeline.errors import MissingPrivilege, Unreachable
from aclue_pipeline.postgres import Database, query
from tests.conftest import Databases
from tests.support.catalogs import CATALOG
from tests.support.daemon import NOTES, daemon


def test_every_step_tries_again_and_fails_clearly_and_what_writes_rows_has_its_rooms_pool() -> None:
    pools: dict[str, set[str]] = {}
    for job in build_defs(CATALOG).resolve_all_job_defs():
        for node in job.graph.node_defs:
            assert isinstance(node, dg.OpDefinition)
            function = node.compute_fn.decorated_fn  # type: ignore[union-attr]
            assert hasattr(function, "__wrapped__"), f"{node.name}: decorate it with @clearly"
            assert node.retry_policy is None, "it would do again what a person has ended"
            pools.setdefault(job.name, set()).update(node.pools)
    assert pools["rebuild_revenue_and_funnel"] == {"revenue", "funnel"}
    assert pools["refresh_preferences"] == {"preferences"}
    assert pools["close_month"] == {"revenue"}
    assert pools["deploy_schema"] == pools["verify_schema"] == pools["purge_schema"] == {"schema"}
    assert pools["observe"] == pools["watch_drift"] == set()


def test_a_run_that_is_ended_is_not_tried_again_whatever_the_driver_says_then() -> None:
    @steps.clearly
    def step() -> None:
        try:
            raise dg.DagsterExecutionInterruptedError
        finally:
            raise Unreachable("the server closed the connection")

    with pytest.raises(dg.DagsterExecutionInterruptedError):
        step()


@pytest.mark.slow
def test_of_two_backfills_that_overlap_one_waits_in_the_queue_and_another_room_does_not(tmp_path: Path) -> None:
    revenue, funnel = dg.AssetKey(["analytics", "revenue_daily"]), dg.AssetKey(["analytics", "session_funnel_daily"])
    with daemon(tmp_path, storage=None, run_launcher=NOTES) as d:
        d.backfill("first", [revenue], ["2026-03-01", "2026-03-02"])
        d.dequeue()  # a pool that nobody has used yet is limited from here on
        d.backfill("second", [revenue], ["2026-03-02", "2026-03-03"])
        d.backfill("third", [funnel], ["2026-03-02", "2026-03-03"])
        d.dequeue()

        def started() -> list[str]:
            runs = d.instance.get_runs()
            return sorted(run.tags["dagster/backfill"] for run in runs if run.status != dg.DagsterRunStatus.QUEUED)

        assert started() == ["first", "third"]
        [first] = [run for run in d.instance.get_runs() if run.tags["dagster/backfill"] == "first"]
        d.instance.report_run_failed(first)  # as the daemon does after kill -9: no slot is left behind
        d.dequeue()
        assert started() == ["first", "second", "third"]


# --- errors -----------------------------------------------------------------------------------------------------------


class Cut:
    """Ends whatever is connected to the database at the first `times` calls of what it wraps."""

    def __init__(self, admin: Database, db: Database, of: Callable[..., object], times: int) -> None:
        self.admin, self.db, self.of, self.left, self.calls = admin, db, of, times, 0

    def __call__(self, *arguments: object, **named: object) -> object:
        self.calls += 1
        if self.left:
            self.left -= 1
            with self.admin.begin() as connection:
                query(
                    connection,
                    """select pg_terminate_backend(pid, 5000) from pg_stat_activity
                       where datname = :name and pid <> pg_backend_pid()""",
                    name=self.db.name,
                )
        return self.of(*arguments, **named)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MAX_RETRIES", 2)
    monkeypatch.setattr(steps, "RETRY_SECONDS", 0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.slow
@pytest.mark.database
def test_a_connection_cut_in_the_middle_of_a_step_is_tried_again_and_where_it_goes_on_ends_with_one_line(
    databases: Databases, deployed_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Cut(databases.admin(deployed_db), deployed_db, facts._remember, 1)
    monkeypatch.setattr(facts, "_remember", cut)  # all but the end of the transaction is done
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_job("sync_facts", instance, database=deployed_db, catalog=CATALOG)
        assert result.success
        assert [event.step_key for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"] == [
            "sync"
        ]
        assert cut.calls == 2
        with deployed_db.begin() as connection:
            assert query(connection, "select count(*) as n from pipeline.syncs") == [{"n": 1}]
        cut.left = 9
        with pytest.raises(Unreachable, match="closed the connection"):
            run_job("sync_facts", instance, database=deployed_db, catalog=CATALOG)
        assert cut.calls == 5, "twice more, and no more"
        failed = run_job("sync_facts", instance, database=deployed_db, catalog=CATALOG, raise_on_error=False)
        [failure] = [event for event in failed.all_events if event.is_step_failure]
        assert failure.step_failure_data.user_failure_data.description == (
            f"{deployed_db.label} closed the connection; what was not committed is rolled back, so run it again"
        )


@pytest.mark.usefixtures("at_once")
@pytest.mark.database
def test_what_does_not_pass_by_itself_is_not_tried_again(
    deployed_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise MissingPrivilege("this role may not: connect as the owner")

    monkeypatch.setattr(facts, "_remember", refused)
    with dg.DagsterInstance.ephemeral() as instance:
        result = run_job("sync_facts", instance, database=deployed_db, catalog=CATALOG, raise_on_error=False)
        [failure] = [event for event in result.all_events if event.is_step_failure]
        assert failure.step_failure_data.user_failure_data.description == "this role may not: connect as the owner"
        assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]


@pytest.mark.usefixtures("at_once")
@pytest.mark.slow
@pytest.mark.database
def test_what_would_do_something_else_the_second_time_is_done_once(
    deployed_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A swap would be swapped back, the next month closed."""
    once = {
        job.name for job in build_defs(CATALOG).resolve_all_job_defs() if job.tags.get("dagster/max_retries") == "0"
    }
    assert once == {"rollback_schema", "restore_schema", "purge_schema", "close_month"}
    calls = []

    def gone(*_: object) -> None:  # all is committed
        calls.append(1)
        raise Unreachable("the server closed the connection")

    monkeypatch.setattr(retire, "observed", gone)
    config = {"ops": {"rollback": {"config": {"database": deployed_db.name}}}}
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(Unreachable):
        run_job("rollback_schema", instance, database=deployed_db, catalog=CATALOG, run_config=config)
    assert len(calls) == 1
