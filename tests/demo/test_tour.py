"""The whole demo, small: every job runs, what is done is not done again, what changed is."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from aclue_pipeline.cli import aclue
from aclue_pipeline.demo import load as loading
from aclue_pipeline.demo.clock import ZONE
from aclue_pipeline.demo.tour import CLOSE, EARLIER, JOBS, REBUILD, REFRESH, REPORT, SYNC, Stage, figures, tour
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


#: From the second load on; the report is imported once the days are rebuilt.
STEPS = ["load", *(step for job in JOBS for step in ([job, REPORT] if job == REBUILD else [job]))]
DAYS = 60  # of which a whole month is over three weeks before the end


@pytest.fixture
def stage(app_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("ACLUE_FIRST_DAY", str(datetime.now(ZONE).date() - timedelta(days=DAYS)))
    get_settings.cache_clear()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Stage(
            app_db,
            CATALOG,
            lambda: pytest.fail("the app's tables are there"),
            lambda: instance,
            print,
            users=200,
            days=DAYS,
            home=tmp_path,
        )


REVENUE = CATALOG.table("analytics.revenue_daily").grain


def published(stage: Stage) -> dict[str, list[dict[str, object]]]:
    tables = [table for table in stage.catalog.tables.values() if table.kind == "daily"]
    with stage.database.begin() as connection:
        return {
            table.key: query(connection, f"select * from {table.key} order by {', '.join(table.grain)}")
            for table in tables
        }


@pytest.mark.slow
def test_the_tour_publishes_what_was_known_weeks_ago_then_restates_it_and_does_nothing_again(stage: Stage) -> None:
    steps = tour(stage)
    first = [next(steps) for _ in range(6)]
    assert [step.name for step in first] == ["deploy_schema", "load", SYNC, REBUILD, CLOSE, REPORT]
    before = published(stage)["analytics.revenue_daily"]
    rest = list(steps)
    assert [step.name for step in rest] == STEPS
    last = {step.name: step for step in [*first, *rest]}  # before, the last weeks were not computed yet
    assert {check for step in last.values() for check in step.red if "preference_quality" not in check} == set()
    after = {tuple(row[name] for name in REVENUE): row for row in published(stage)["analytics.revenue_daily"]}
    old = {tuple(row[name] for name in REVENUE): row for row in before}
    assert max(after)[0] - max(old)[0] == EARLIER
    sums = ("valid_clicks", "conversions", "actual_commission")
    assert any(
        [after[cell][name] for name in sums] != [row[name] for name in sums]
        for cell, row in old.items()
        if cell in after
    )
    assert int(figures(stage.database)["preferences"].split()[0]) > 20
    months_are_adjusted(stage)
    reports_are_set_beside_the_clicks(stage)
    nothing_is_done_again(stage)


def months_are_adjusted(stage: Stage) -> None:
    """What came of closed months since is booked in the first open one."""
    with stage.database.begin() as connection:
        months = query(
            connection,
            """select month, bool_or(closed is not null) as is_closed, bool_or(adjustments <> 0) as is_adjusted
               from analytics.commission_monthly where month is not null group by 1 order by 1""",
        )
    closed = [row["is_closed"] for row in months]
    assert closed.count(True) >= 1
    assert closed == sorted(closed, reverse=True)  # no open month before a closed one
    assert months[closed.count(True)]["is_adjusted"]


def reports_are_set_beside_the_clicks(stage: Stage) -> None:
    """Two reports of one network, the second of which tells of most sales again: the ways in which they can agree or not are there."""
    with stage.database.begin() as connection:
        imports = query(connection, "select taken, rejected, reported_before from pipeline.network_imports order by 1")
        lines = query(connection, "select min(commission) as least from analytics.network_reports where counts")
        said = query(
            connection,
            """select report, bucket = 'only in report' as is_unknown, sum(clicks) as clicks, sum(report_lines) as report_lines
               from analytics.commission_reconciliation where affiliate_network = 'commission_junction' group by 1, 2""",
        )
    assert [row["rejected"] for row in imports] == [1, 1]
    assert 0 < imports[1]["reported_before"] < imports[1]["taken"]
    assert lines[0]["least"] < 0  # a correction
    ways = {"as reported", "reported otherwise", "reported first", "only in report", "in no report"}
    # Of sales that the network told of and the app holds no amount of yet there may be none.
    assert ways - {"reported first"} <= {row["report"] for row in said} <= ways
    assert any(row["is_unknown"] and row["report_lines"] == 1 for row in said)


def nothing_is_done_again(stage: Stage) -> None:
    before = published(stage)
    again = list(tour(stage))
    assert [step.name for step in again] == STEPS
    results = {step.name: step.result for step in again}
    assert results["load"].endswith("up to date")
    assert (results[REFRESH], results[REBUILD]) == ("no profile waits", "no day needs to be rebuilt")
    assert results[REPORT].endswith("was imported before")
    assert published(stage) == before


@pytest.fixture
def fresh_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of its own; its server is stopped at the end."""
    from aclue_pipeline.postgres.server import EmbeddedServer

    for name in ("ACLUE_DATABASE_URL", "ACLUE_DAGSTER_URL"):
        monkeypatch.setenv(name, "postgresql://nobody@203.0.113.1/elsewhere?sslmode=require")
    monkeypatch.setenv("ACLUE_FIRST_DAY", "2024-01-01")  # so that it is put back: the commands name it
    monkeypatch.delenv("ACLUE_FIRST_DAY")
    monkeypatch.setenv("ACLUE_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    EmbeddedServer(tmp_path).stop()


def test_the_commands_use_the_embedded_server_whatever_the_environment_names(fresh_home: Path) -> None:
    runner = CliRunner()
    said = runner.invoke(aclue, ["demo", "status"], catch_exceptions=False)
    assert said.output.startswith("the embedded server does not run: aclue db start starts it")
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
