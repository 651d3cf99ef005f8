"""A table that somebody locks for a while in the middle of a run."""

from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from tests.support.troubles import told

from .conftest import Small, Statements, Undisturbed, Work, failures, retried

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.mark.parametrize("job", ["sync_facts"])
def test_who_locks_a_table_that_a_run_needs_is_told_by_name_and_the_run_ends_well_afterwards(
    small: Small, statements: Statements, undisturbed: Undisturbed, job: str
) -> None:
    _, left = undisturbed(job, statements)
    with dg.DagsterInstance.ephemeral() as instance, ThreadPoolExecutor(1) as pool:
        work = Work(small, job, instance)
        with work.db.apart() as migration:
            migration.execute("begin; lock table public.affiliate_clicks")
            running = pool.submit(work.run)
            while not small.ask("select from pg_locks where not granted"):
                assert not running.done()
            # As a sweep of alerts asks, after half a minute.
            soon = {"b.seconds >= 30": "b.seconds >= 0"}
            [finding] = told(work.db, "blockers", f"session {migration.info.backend_pid}", **soon)
            assert finding.sentence.startswith("one session does wait for affiliate_clicks")
            assert finding.remedy.startswith(f"select pg_terminate_backend({migration.info.backend_pid})")
            migration.execute("rollback")
        result = running.result()
        assert result.success, failures(result)
        assert retried(result) == 0
        assert small.nobody_left(work.db.name)
        assert work.left() == left
