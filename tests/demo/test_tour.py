"""The whole demo, small: every job runs, what is done is not done again, what changed is."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from aclue_pipeline.cli import aclue
from aclue_pipeline.demo import load as loading
from aclue_pipeline.demo.load import Loaded
from aclue_pipeline.demo.tour import JOBS, Stage, Told, figures, tour
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


@pytest.fixture
def stage(app_db: Database) -> Iterator[Stage]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Stage(
            app_db, CATALOG, lambda: pytest.fail("the app's tables are there"), lambda: instance, users=60, days=20
        )


def done(stage: Stage) -> list[Told]:
    return list(tour(stage, lambda _line: None))


def test_the_tour_runs_every_job_once_and_again_when_its_ground_changed(stage: Stage) -> None:
    first = done(stage)
    assert [told.step for told in first] == ["deploy_schema", "load", *(job.name for job in JOBS)]
    assert all(told.seconds for told in first)
    assert {check for told in first for check in told.red if "public." in check or check.startswith("schema")} == set()
    runs = stage.instance().get_runs_count()
    assert runs == 1 + len(JOBS)
    told = figures(stage.database)
    assert int(told["preferences"].split()[0]) > 20

    again = done(stage)
    assert [told.said.split(":")[0] for told in again] == [told.said.split(":")[0] for told in first]
    assert not any(told.seconds for told in again)
    assert stage.instance().get_runs_count() == runs

    with stage.database.begin() as connection:
        query(connection, "update demo.steps set ground = 'other code' where step = 'check_health'")
    assert [told.step for told in done(stage) if told.seconds] == ["check_health"]
    assert stage.instance().get_runs_count() == runs + 1


def test_another_day_rebuilds_only_the_days_that_are_not_settled() -> None:
    from aclue_pipeline.demo.tour import Ground, days_to_rebuild

    until = get_settings().first_day + timedelta(days=500)
    now = Loaded(until, 1, 10, get_settings().first_day, until)
    before = Ground("the same", until - timedelta(days=1))
    assert days_to_rebuild(now, before, "the same") == (until - timedelta(days=1 + loading.UNSETTLED_DAYS), until)
    assert days_to_rebuild(now, before, "other code") == (now.first_day, until)
    assert days_to_rebuild(now, Ground(""), "the same") == (now.first_day, until)


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of its own; its server is stopped at the end."""
    from aclue_pipeline.postgres.server import EmbeddedServer

    for name in ("ACLUE_DATABASE_URL", "ACLUE_DAGSTER_URL"):
        monkeypatch.setenv(name, "postgresql://nobody@203.0.113.1/elsewhere?sslmode=require")
    monkeypatch.setenv("ACLUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    EmbeddedServer(tmp_path).stop()
    get_settings.cache_clear()


def test_the_commands_use_the_embedded_server_whatever_the_environment_names(fresh_home: Path) -> None:
    runner = CliRunner()
    said = runner.invoke(aclue, ["demo", "status"], catch_exceptions=False)
    assert said.output == "nothing is loaded\nnothing is broken\n"
    assert runner.invoke(aclue, ["demo", "reset"], catch_exceptions=False).output == "nothing was broken\n"
    with pytest.raises(NothingFound, match="not loaded"):
        runner.invoke(aclue, ["demo", "break", "policy"], catch_exceptions=False)
    assert (
        "nothing is missing"
        not in runner.invoke(aclue, ["demo", "load", "--users", "20", "--days", "40"], catch_exceptions=False).stdout
    )
    assert runner.invoke(aclue, ["demo", "load"], catch_exceptions=False).stdout == "nothing is missing\n"
    assert json.loads(runner.invoke(aclue, ["demo", "status", "--json"]).stdout)["loaded"]["users"] == 20


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_does_everything_and_then_nothing(fresh_home: Path) -> None:
    runner = CliRunner()
    first = runner.invoke(aclue, ["demo", "--no-ui"], catch_exceptions=False)
    assert first.exit_code == 0
    assert "refresh_preferences" in first.stdout
    assert "red:" not in first.stdout
    again = runner.invoke(aclue, ["demo", "--no-ui"], catch_exceptions=False)
    assert again.stdout.count("as before") == 2 + len(JOBS)


@pytest.mark.slow
def test_a_large_load_needs_no_more_memory_than_a_small_one(deployed_db: Database) -> None:
    """Twenty times the people in blocks of the same size: the largest block is what counts."""
    import resource

    loading.load(deployed_db, users=500, days=14)
    small = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with deployed_db.begin() as connection:
        before = query(connection, "select count(*) as n from public.product_views")[0]["n"]
    loading._PEOPLE_DAYS, kept = 14 * 500, loading._PEOPLE_DAYS
    try:
        loading.load(deployed_db, users=10_000)
    finally:
        loading._PEOPLE_DAYS = kept
    large = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with deployed_db.begin() as connection:
        assert query(connection, "select count(*) as n from public.product_views")[0]["n"] > 10 * before
    assert large < small + 100_000  # kB
