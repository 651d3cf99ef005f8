"""The UI as a person meets it: complete by GraphQL, present by looking, a job started by a click."""

import json
import os
import re
import subprocess
import urllib.request

import pytest
import yaml

from aclue_pipeline.definitions import build_defs
from tests.libpq import HOSTILE
from tests.support.catalogs import CATALOG

ANSWER_SECONDS = 20

ASSETS = """{ assetNodes {
    assetKey { path } description groupName kinds owners { ... on TeamAssetOwner { team } }
    metadataEntries { label ... on TableSchemaMetadataEntry { schema { columns { name type description } } } }
    assetChecksOrError { ... on AssetChecks { checks { name description blocking } } }
} }"""


def test_graphql_answers_soon_after_the_start(ui) -> None:
    crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # others at work on this machine make it slower
    assert ui.seconds < ANSWER_SECONDS * crowd


def test_every_asset_is_complete(ui) -> None:
    nodes = {".".join(node["assetKey"]["path"]): node for node in ui.ask(ASSETS)["assetNodes"]}
    assert set(nodes) == {*(key for key, table in CATALOG.tables.items() if table.room != "pipeline"), "schema"}
    for name, node in nodes.items():
        assert node["description"], name
        assert node["groupName"], name
        assert node["kinds"], name
        assert node["owners"], name
        entries = {entry["label"]: entry for entry in node["metadataEntries"]}
        assert "dagster/code_references" in entries, name
        if name != "schema":
            columns = entries["dagster/column_schema"]["schema"]["columns"]
            assert {column["name"] for column in columns} == {column.name for column in CATALOG.tables[name].columns}
            # auth.users is Supabase's: we read three of its columns and describe none.
            assert name == "auth.users" or all(column["description"] for column in columns), name


def test_every_job_and_schedule_is_there_and_stands_still(ui) -> None:
    answer = ui.ask(
        """{ repositoryOrError(repositorySelector: {repositoryLocationName: "aclue_pipeline", repositoryName: "__repository__"}) {
             ... on Repository { jobs { name } schedules { name scheduleState { status } } } } }"""
    )["repositoryOrError"]
    jobs = {job["name"] for job in answer["jobs"] if not job["name"].startswith("__")}
    assert jobs == {job.name for job in build_defs(CATALOG).resolve_all_job_defs() if not job.name.startswith("__")}
    assert {s["scheduleState"]["status"] for s in answer["schedules"]} == {"STOPPED"}


def test_every_daemon_is_well(ui) -> None:
    import time

    deadline = time.monotonic() + 30
    while True:
        health = ui.ask("{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }")
        statuses = health["instance"]["daemonHealth"]["allDaemonStatuses"]
        if all(status["healthy"] for status in statuses if status["required"]):
            return
        assert time.monotonic() < deadline, statuses
        time.sleep(0.5)


def test_dagsters_tables_are_in_their_own_database(ui) -> None:
    from aclue_pipeline.postgres import query

    with ui.database.begin() as connection:
        assert not query(connection, "select 1 from pg_tables where tablename in ('runs', 'event_logs')")


def test_the_data_directory_is_dagsters_home(ui) -> None:
    """… with the repository's dagster.yaml, and a copy of the environment that only its owner reads."""
    assert yaml.safe_load((ui.home / "dagster.yaml").read_text())["nux"] == {"enabled": False}
    copy = ui.home / "environment"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert f"DAGSTER_HOME='{ui.home}'" in copy.read_text()
    assert "postgresql+psycopg2://" in copy.read_text(), "psycopg 3 cannot serve Dagster's event log (traps 1, 2)"


def test_another_shell_that_reads_the_copy_forgets_what_libpq_would_read(ui) -> None:
    command = ["sh", "-c", f"set -a; . '{ui.home}/environment'; env"]
    said = subprocess.run(command, env=os.environ | HOSTILE, capture_output=True, text=True)
    assert said.stderr == ""
    assert f"DAGSTER_HOME={ui.home}" in said.stdout.splitlines()
    assert not [line for line in said.stdout.splitlines() if line.startswith("PG")]


@pytest.mark.browser
def test_the_lineage_page_shows_every_group(ui, page) -> None:
    page.set_viewport_size({"width": 1440, "height": 3000})  # what is outside of the window is not drawn
    page.goto(f"{ui.url}/asset-groups")
    page.get_by_text("schema").first.wait_for()
    page.keyboard.press("Alt+E")
    # Those that are in sight are drawn; which they are is the layout's choice.
    page.get_by_text(re.compile(rf"^({'|'.join(table.name for table in CATALOG.tables.values())})$")).first.wait_for()
    page.wait_for_timeout(500)
    shown = page.inner_text("body")
    for group in {node.group_name for node in build_defs(CATALOG).resolve_asset_graph().asset_nodes}:
        assert group in shown
    assert "Join the Dagster community" not in shown


@pytest.mark.browser
def test_an_asset_page_shows_columns_with_links_and_sources(ui, page) -> None:
    page.goto(f"{ui.url}/assets/staging/clicks?view=overview")
    page.get_by_text("machine_pattern").first.wait_for()
    link = page.get_by_role("link", name="affiliate_clicks.click_timestamp").first
    link.wait_for()
    assert "/assets/public/affiliate_clicks" in link.get_attribute("href")
    page.get_by_text("in editor").first.wait_for()
    shown = " ".join(page.inner_text("body").split())
    assert "Grain: click_id" in shown
    # The UI writes a label twice, whole and shortened.
    assert re.search(r"Open SQL (SQL )?in editor", shown)
    assert re.search(r"Open tables.py (tables.py )?in editor", shown)
    assert "Postgres" in shown


@pytest.mark.browser
@pytest.mark.slow
def test_a_job_is_started_by_a_click(ui, page) -> None:
    runs = '{ runsOrError(filter: {pipelineName: "observe"}) { ... on Runs { results { runId } } } }'
    before = ui.ask(runs)["runsOrError"]["results"]
    page.goto(f"{ui.url}/locations/aclue_pipeline/jobs/observe")
    page.get_by_role("button", name=re.compile("Materialize|Launch|Observe")).first.click()
    for _ in range(100):
        started = [run for run in ui.ask(runs)["runsOrError"]["results"] if run not in before]
        if started:
            break
        page.wait_for_timeout(200)
    assert started, page.inner_text("body")[:2000]
    assert ui.until(started[0]["runId"], {"SUCCESS", "FAILURE", "CANCELED"}) == "SUCCESS"
    page.goto(f"{ui.url}/assets/schema")
    page.get_by_text("tables_created").or_(page.get_by_text("deployed")).first.wait_for()


def test_the_page_itself_is_served(ui) -> None:
    with urllib.request.urlopen(f"{ui.url}/server_info") as response:
        assert json.load(response)["dagster_webserver_version"]


@pytest.mark.slow
@pytest.mark.browser
def test_the_description_of_an_asset_leads_to_its_place_in_the_atlas(ui, page) -> None:
    page.goto(f"{ui.url}/assets/analytics/revenue_daily?view=overview")
    page.get_by_role("link", name="SQL, and what each column rests on").first.click()
    page.locator("#about h2").get_by_text("analytics.revenue_daily").wait_for()


def test_the_picture_in_a_description_is_served_beside_dagsters_pages(ui) -> None:
    [asset] = [one for one in ui.ask(ASSETS)["assetNodes"] if one["assetKey"]["path"][-1] == "revenue_daily"]
    small, large = re.findall(r"\((/picture/[^)]*)\)", asset["description"])
    for address in (small, large):
        with urllib.request.urlopen(ui.url + address) as response:
            assert response.headers["content-type"] == "image/svg+xml"
            assert response.read().startswith(b"<svg ")
