"""What must hold of the code location as a whole, without any database."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
import yaml

from aclue_pipeline import __version__
from aclue_pipeline.catalog.table import SELECTED, Source
from aclue_pipeline.definitions import build_defs
from aclue_pipeline.defs import beta, describe, repository
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG

ROOT = Path(__file__).resolve().parents[2]

REPOSITORY = "https://github.com/aclue/pipeline"

HEAVY = {"pandas", "numpy", "sklearn", "scipy", "altair", "vl_convert", "matplotlib"}

_IMPORT = """
import json, sys, warnings
seen = []
warnings.showwarning = lambda message, category, filename, *rest: seen.append([category.__name__, str(message), filename])
warnings.simplefilter("always")
if {loud}:
    from contextlib import nullcontext
    import aclue_pipeline.defs.beta as beta
    beta.quiet = nullcontext
import dagster
import aclue_pipeline.definitions as d
d.build_defs().resolve_asset_graph()
print(json.dumps({{"modules": sorted(sys.modules), "warnings": seen}}))
"""


def imported(loud: bool = False, **settings: str) -> dict:
    """A fresh interpreter that imports the definitions, with no other setting in its environment."""
    environment = settings | {
        name: value for name, value in os.environ.items() if not name.startswith(("ACLUE_", "DAGSTER_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT.format(loud=loud)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def quiet_import() -> dict:
    return imported()


def test_importing_needs_no_database_and_nothing_heavy(quiet_import: dict) -> None:
    assert not HEAVY & set(quiet_import["modules"])


def test_no_warning_originates_in_our_code(quiet_import: dict) -> None:
    ours = [warning for warning in quiet_import["warnings"] if "aclue_pipeline" in warning[2]]
    assert not ours


def test_the_beta_apis_in_use_are_the_listed_ones() -> None:
    """A beta API used elsewhere than in defs/beta.py warns above; one listed there and no longer used shows here."""
    said = " ".join(
        message
        for name, message, _ in imported(loud=True, ACLUE_GIT_URL=REPOSITORY)["warnings"]
        if name in ("BetaWarning", "PreviewWarning")
    )
    used = {name for name in beta.APIS if f"`{name}`" in said}
    assert used == set(beta.APIS)
    names = set(said.split("`")[1::2])
    assert names <= set(beta.APIS), "list these in aclue_pipeline/defs/beta.py, with the reason, or do without"


def test_the_location_has_one_name_everywhere() -> None:
    """Dagster keeps which schedules are on by location name: another one would switch off all of them (trap 14)."""
    from aclue_pipeline.cli.supervisor import MODULE
    from aclue_pipeline.settings import LOCATION

    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    location = workspace["load_from"][0]["python_module"]
    assert (location["location_name"], location["module_name"]) == (LOCATION, MODULE)
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert "[tool.dagster]" not in pyproject, "`dagster dev` would read this instead of workspace.yaml"
    assert "[tool.dg" not in pyproject, "`dagster dev` would read this instead of workspace.yaml"


def test_the_instance_is_as_it_must_be() -> None:
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert instance["storage"]["postgres"]["postgres_url"] == {"env": "ACLUE_DAGSTER_URL"}
    assert instance["telemetry"] == {"enabled": False}
    assert instance["nux"] == {"enabled": False}, "a dialog would cover every page of a fresh instance (trap 21)"
    assert instance["run_monitoring"]["max_runtime_seconds"] > 0


# --- completeness -----------------------------------------------------------------------------------------------------

DEFS = build_defs(CATALOG)
GRAPH = DEFS.resolve_asset_graph()
KEYS = sorted(GRAPH.get_all_asset_keys())


def shown(source: Source) -> bool:
    return dg.AssetKey(source.table.split(".")) in KEYS


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.to_user_string())
def test_every_asset_says_all_about_itself(key: dg.AssetKey) -> None:
    node = GRAPH.get(key)
    metadata = node.metadata
    assert len(node.description or "") > 40
    assert node.owners
    assert node.group_name == node.tags["aclue/room"]
    assert "postgres" in node.kinds
    assert "dagster/code_references" in metadata
    references = metadata["dagster/code_references"].code_references
    assert {Path(reference.file_path).suffix for reference in references} == {".sql", ".py"}, (
        "a link to SQL and one to Python"
    )
    assert all(Path(reference.file_path).exists() for reference in references)
    if key != dg.AssetKey("schema"):
        assert metadata["dagster/table_name"] == ".".join(key.path)
        columns = metadata["dagster/column_schema"].columns
        assert columns
        for column in columns if key.path[0] != "auth" else ():  # Supabase's own, which we read and do not describe
            assert len(column.description) > len(column.name) + 2, f"{column.name} says no more than its name"


@pytest.fixture
def at_a_repository(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ACLUE_GIT_URL", f"{REPOSITORY}.git")
    get_settings.cache_clear()
    return REPOSITORY


def test_where_the_repository_is_named_links_lead_to_the_installed_commit(at_a_repository: str) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    graph = build_defs(CATALOG).resolve_asset_graph()
    for key in KEYS:
        linked = [one.url for one in graph.get(key).metadata["dagster/code_references"].code_references]
        assert {url.partition("#")[0].rpartition(".")[2] for url in linked} == {"sql", "py"}, key
        for url in linked:
            path, _, line = url.removeprefix(f"{at_a_repository}/tree/{commit}/").partition("#L")
            assert (ROOT / path).is_file(), url
            assert int(line) <= len((ROOT / path).read_text().splitlines()), url


def test_an_installed_package_links_to_the_commit_that_pip_noted_else_to_its_tag(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("aclue_pipeline.settings.checkout", lambda: None)
    noted = tmp_path / "aclue_pipeline-1.dist-info"
    noted.mkdir()
    (noted / "METADATA").write_text("Name: aclue-pipeline\nVersion: 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert repository.commit.__wrapped__() == f"v{__version__}"
    (noted / "direct_url.json").write_text('{"url": "https://…", "vcs_info": {"vcs": "git", "commit_id": "4adf5b1"}}')
    assert repository.commit.__wrapped__() == "4adf5b1"
    # Its SQL is inside of the package.
    inside = ROOT / "aclue_pipeline" / "sql"
    monkeypatch.setattr(repository, "sql_folder", lambda: inside)
    assert repository.path_of(inside / "revenue" / "revenue_daily.sql") == "sql/revenue/revenue_daily.sql"


def test_every_table_of_the_catalog_but_our_bookkeeping_is_an_asset() -> None:
    published = {key for key, table in CATALOG.tables.items() if table.room != "pipeline"}
    assert {key.to_user_string().replace("/", ".") for key in KEYS} - {"schema"} == published


def test_every_derived_column_shows_where_it_comes_from() -> None:
    for table in CATALOG.tables.values():
        if table.kind not in SELECTED or table.room == "pipeline":
            continue
        schema = GRAPH.get(dg.AssetKey(table.key.split("."))).metadata["dagster/column_schema"]
        told = {column.name: column.description for column in schema.columns}
        for column in table.columns:
            if column.direct:
                assert "⟵ from " in told[column.name]
                assert "](/assets/" in told[column.name] or not any(map(shown, column.direct))


def ancestors(key: dg.AssetKey) -> set[dg.AssetKey]:
    return GRAPH.get_ancestor_asset_keys(key)


#: From left to right.
ROOMS = [{"app", "schema"}, {"staging"}, {"preferences", "revenue", "funnel", "health"}]


def test_the_graph_reads_from_left_to_right() -> None:
    """An asset depends on what is next to it, in its own room or one before."""
    column = {room: n for n, rooms in enumerate(ROOMS) for room in rooms}
    transitive = set()
    for node in GRAPH.asset_nodes:
        for parent in node.parent_keys:
            assert column[GRAPH.get(parent).group_name] <= column[node.group_name], (parent, node.key)
            if any(parent in ancestors(other) for other in node.parent_keys):
                transitive.add((parent.path[-1], node.key.path[-1]))
    # What is learnt from is shown at each that learns from it or judges by it.
    assert transitive == {("signals", "preference_quality"), ("signals", "user_preferences")}


def test_an_asset_comes_after_all_that_it_reads() -> None:
    for key, table in CATALOG.tables.items():
        if table.room not in ("pipeline", "app", "schema"):
            read = {dg.AssetKey(one.split(".")) for one in describe.read_by(CATALOG, table)}
            assert read <= ancestors(dg.AssetKey(key.split("."))), key


def test_the_assets_of_preferences_are_a_line() -> None:
    edges = {
        (parent.path[-1], node.key.path[-1])
        for node in GRAPH.asset_nodes
        for parent in node.parent_keys
        if node.group_name == GRAPH.get(parent).group_name == "preferences"
    }
    line = ["taste_words", "item_features", "taste_models", "preference_quality", "user_preferences"]
    assert edges - set(pairwise(line)) == {("signals", reader) for reader in line[2:]}
    assert set(pairwise(line)) <= edges


def test_lineage_leads_to_assets_only() -> None:
    """Our bookkeeping is named where a column rests on it, without a link that would lead nowhere."""
    there = {key.to_user_string() for key in KEYS}
    for key in KEYS:
        metadata = GRAPH.get(key).metadata
        assert set(re.findall(r"\(/assets/([^?)]+)", str(dict(metadata)))) <= there, key
        lineage = metadata.get("dagster/column_lineage")
        for deps in lineage.deps_by_column.values() if lineage else ():
            assert {dep.asset_key.to_user_string() for dep in deps} <= there, key
    months = GRAPH.get(dg.AssetKey(["analytics", "commission_monthly"])).metadata["lineage"].md_str
    assert " closed_months.adjustments" in months


def test_the_lineage_of_a_table_says_each_thing_once() -> None:
    for table in CATALOG.tables.values():
        if table.room == "pipeline" or not any(column.direct for column in table.columns):
            continue
        first, _, rows = describe.lineage_table(CATALOG, table).partition("| columns |")
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows.splitlines()[2:]]
        names = [name for columns, *_ in cells for name in columns.split(", ")]
        assert sorted(names) == sorted(column.name for column in table.columns if column.lineage)
        assert len({tuple(rest) for _, *rest in cells}) == len(cells), table.key
        assert len(cells[0]) == 2 or any(own for *_, own in cells), "no heading stands above nothing"
        for source in table.filtered_by:
            said = describe.link(CATALOG, source)
            assert said in first
            assert not any(said in own.split(", ") for _, _, *further in cells for own in further), table.key


def test_a_used_source_column_names_its_users() -> None:
    columns = GRAPH.get(dg.AssetKey(["public", "affiliate_clicks"])).metadata["dagster/column_schema"].columns
    told = {column.name: column.description for column in columns}
    assert "used by [clicks.clicked_at](/assets/staging/clicks" in told["click_timestamp"]


def test_every_check_says_what_it_holds() -> None:
    for key in GRAPH.asset_check_keys:
        assert len(GRAPH.get_check_spec(key).description or "") > 20, key


def test_jobs_and_schedules_say_what_they_do() -> None:
    for job in DEFS.resolve_all_job_defs():
        if not job.name.startswith("__"):
            assert job.description
    for schedule in DEFS.schedules or ():
        assert schedule.description


def test_runs_stay_in_one_process() -> None:
    assert DEFS.executor is dg.in_process_executor


def test_a_resource_can_be_replaced() -> None:
    marker = object()
    assert build_defs(CATALOG, database=marker).resources["database"] is marker


# --- order ------------------------------------------------------------------------------------------------------------


def upstream_steps(job: str) -> dict[str, set[str]]:
    """Step → steps that it waits for, however far up, as Dagster plans the job."""
    from dagster._core.execution.api import create_execution_plan

    plan = create_execution_plan(DEFS.resolve_job_def(job))
    waits: dict[str, set[str]] = {}
    for step in plan.get_all_steps_in_topo_order():
        needs = step.get_execution_dependency_keys()
        waits[step.key] = needs.union(*(waits[need] for need in needs))
    return waits


def test_observed_sources_keep_the_order_of_a_run() -> None:
    """A plain external asset would drop it (trap 5)."""
    steps = upstream_steps("observe")
    assert "observe_schema" in steps["observe_events"]


@pytest.mark.parametrize("job", ["refresh_preferences", "rebuild_revenue_and_funnel"])
def test_what_reads_a_source_waits_for_its_contract(job: str) -> None:
    steps = upstream_steps(job)
    staging = {name: needs for name, needs in steps.items() if name.startswith("staging__")}
    assert staging
    for name, needs in staging.items():
        sources = {
            key for key in CATALOG.tables[name.replace("__", ".")].upstream if key.startswith(("public.", "auth."))
        }
        if sources:
            assert needs & {"app_contract", "events_contract"}, f"{name} does not wait for the contract of {sources}"


@pytest.mark.parametrize("job", ["refresh_preferences", "rebuild_revenue_and_funnel", "check_health"])
def test_a_step_waits_for_all_that_it_reads(job: str) -> None:
    """Also where the graph leaves out the edge, since something lies between."""
    layer, waits = DEFS.resolve_job_def(job).asset_layer, upstream_steps(job)
    step_of = {key: str(layer.get_op_output_handle(key).node_handle) for key in layer.selected_asset_keys}
    for key, step in step_of.items():
        table = CATALOG.tables[".".join(key.path)]
        read = {step_of.get(dg.AssetKey(one.split("."))) for one in describe.read_by(CATALOG, table)}
        assert read - {None, step} <= waits[step], key


@pytest.mark.parametrize("job", ["refresh_preferences", "rebuild_revenue_and_funnel"])
def test_a_job_refreshes_every_derived_table_that_it_reads(job: str) -> None:
    refreshed = {".".join(key.path) for key in DEFS.resolve_job_def(job).asset_layer.selected_asset_keys}
    for table in (table for key, table in CATALOG.tables.items() if key in refreshed):
        read = {key for key in table.upstream if key in CATALOG.tables and CATALOG.tables[key].room == "staging"}
        assert read <= refreshed, table.key


@pytest.mark.parametrize("job", ["refresh_preferences", "rebuild_revenue_and_funnel"])
def test_a_job_computes_all_that_is_kept_of_the_views_that_it_looks_at(job: str) -> None:
    """What it left out would be marked as older than they are, though a job of its own keeps it."""
    computed = DEFS.resolve_job_def(job).asset_layer.selected_asset_keys
    kinds = {key: CATALOG.tables[".".join(key.path)].kind for key in KEYS if key != dg.AssetKey("schema")}
    for key in computed:
        if kinds[key] == "view":
            # Of days each is marked by itself, or not at all.
            kept = {child for child in GRAPH.get(key).child_keys if kinds[child] not in ("view", "daily")}
            assert kept <= computed, key


def test_every_asset_is_refreshed_by_a_job() -> None:
    scheduled: set[str] = set()
    for name in ("observe", "refresh_preferences", "rebuild_revenue_and_funnel", "check_health"):
        scheduled |= {key.to_user_string() for key in DEFS.resolve_job_def(name).asset_layer.selected_asset_keys}
    assert scheduled == {key.to_user_string() for key in KEYS}


def test_the_locks_install_under_plain_pip() -> None:
    """pip in hash mode wants every requirement pinned, extras included; uv drops those unless told not to (trap 17)."""
    for lock in ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock"):
        pinned = [line.split("==")[0] for line in (ROOT / lock).read_text().splitlines() if "==" in line]
        assert "gql[requests]" in pinned
