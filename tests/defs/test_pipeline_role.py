"""Every scheduled job as the role that `aclue roles` makes for it, which owns no deployed table and is no superuser."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from aclue_pipeline import alerts
from aclue_pipeline.checks import Judgement
from aclue_pipeline.definitions import build_defs, run_job
from aclue_pipeline.defs import alerts as alerts_of
from aclue_pipeline.defs import happened, timetable
from aclue_pipeline.demo.load import load
from aclue_pipeline.derived import today
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.schema import connected
from aclue_pipeline.schema.verify import checks
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG
from tests.support.pipeline import pipelines_own

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.fixture(scope="module")
def pipeline(server: EmbeddedServer) -> Iterator[Database]:
    with pipelines_own(server) as seen:
        load(seen.owner, users=25, days=15)
        yield seen.pipeline


def test_every_scheduled_job_does_its_work_as_the_role_that_is_made_for_it(pipeline: Database) -> None:
    judged = {one.check: one for one in connected.of_app(pipeline, CATALOG)}
    assert all(one.passed for one in judged.values()), judged
    yesterday = today(pipeline) - timedelta(days=1)
    days = (yesterday - timedelta(days=4), yesterday)
    with pytest.MonkeyPatch.context() as patched, dg.DagsterInstance.ephemeral() as instance:
        patched.setenv("ACLUE_FIRST_DAY", days[0].isoformat())
        get_settings.cache_clear()
        # The sources' checks last: they ask that no day was left out.
        for job in sorted(
            dict.fromkeys(entry.job for entry in timetable.TIMETABLE), key=timetable.CONTRACTS.job.__eq__
        ):
            if job == timetable.PURGE.job:  # works on Dagster's own database
                continue
            result = run_job(
                job, instance, days if job == timetable.REBUILD.job else None,
                database=pipeline, catalog=CATALOG, raise_on_error=False,
            )  # fmt: skip
            red = {one.check_name: one.description for one in result.get_asset_check_evaluations() if not one.passed}
            assert result.success, job
            if job == timetable.VERIFY.job:
                assert red.keys() < {one.name for one in checks()}, "the catalogues say something, too"
                assert all(said.startswith("not judged: left to whoever deploys") for said in red.values()), red
            else:
                assert red == {}, job
        _nobody_is_woken(pipeline, instance)
        patched.undo()
        get_settings.cache_clear()


def _nobody_is_woken(pipeline: Database, instance: dg.DagsterInstance) -> None:
    """A sweep as this role, after every job."""
    repository = build_defs(CATALOG).get_repository_def()
    graph = repository.asset_graph
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]

    def dagster() -> Iterator[Judgement]:
        yield from happened.checks(instance, specs)
        yield from happened.failed_runs(instance, repository.job_names)

    assert alerts.sweep(pipeline, CATALOG, alerts_of.sources(pipeline, CATALOG, dagster), []).states == {}
