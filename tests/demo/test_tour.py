"""The whole demo, small: every job runs, what is done is not done again, what changed is."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from aclue_pipeline.cli import aclue
from aclue_pipeline.demo import load as loading
from aclue_pipeline.demo.tour import EARLIER, JOBS, REBUILD, Stage, figures, tour
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


@pytest.fixture
def stage(app_db: Database) -> Iterator[Stage]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Stage(
            app_db, CATALOG, lambda: pytest.fail("the app's tables are there"), lambda: instance, users=200, days=40
        )


REVENUE = ("day", "currency", "affiliate_network", "source_page", "device_type")


def published(stage: Stage) -> dict[str, list[dict[str, object]]]:
    tables = [table for table in stage.catalog.tables.values() if table.kind == "daily"]
    with stage.database.begin() as connection:
        return {
            table.key: query(connection, f"select * from {table.key} order by {', '.join(table.grain)}")
            for table in tables
        }


def test_the_tour_publishes_what_was_known_weeks_ago_and_then_restates_it(stage: Stage) -> None:
    steps = tour(stage, lambda _line: None)
    first = [next(steps) for _ in range(3)]
    assert [told.step for told in first] == ["deploy_schema", "load", REBUILD]
    before = published(stage)["analytics.revenue_daily"]
    rest = list(steps)
    assert [told.step for told in rest] == ["load", *JOBS]
    assert {check for told in rest for check in told.red if "public." in check or check.startswith("schema")} == set()
    after = {tuple(row[name] for name in REVENUE): row for row in published(stage)["analytics.revenue_daily"]}
    old = {tuple(row[name] for name in REVENUE): row for row in before}
    assert max(after)[0] - max(old)[0] == EARLIER
    told = ("valid_clicks", "conversions", "actual_commission")
    assert any(
        [after[cell][name] for name in told] != [row[name] for name in told]
        for cell, row in old.items()
        if cell in after
    )
    assert int(figures(stage.database)["preferences"].split()[0]) > 20


def test_running_the_tour_again_publishes_the_same(stage: Stage) -> None:
    list(tour(stage, lambda _line: None))
    before = published(stage)
    again = list(tour(stage, lambda _line: None))
    assert [told.step for told in again] == ["load", *JOBS]
    assert again[0].said.endswith("up to date")
    assert published(stage) == before


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
def test_the_command_does_everything_and_then_what_is_new(fresh_home: Path) -> None:
    runner = CliRunner()
    first = runner.invoke(aclue, ["demo", "--no-ui"], catch_exceptions=False)
    assert first.exit_code == 0
    assert "refresh_preferences" in first.stdout
    assert "red:" not in first.stdout
    again = runner.invoke(aclue, ["demo", "--no-ui"], catch_exceptions=False)
    assert again.exit_code == 0
    assert "up to date" in again.stdout
    assert "red:" not in again.stdout


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
