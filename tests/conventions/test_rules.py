"""The conventions (docs/decisions.md, the README's map) as tests. Each message says what is missing, and how to add it."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from aclue_pipeline import __version__
from aclue_pipeline.catalog import sqltext
from aclue_pipeline.cli import aclue
from tests.support.cases import read_cases
from tests.support.catalogs import CATALOG

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "aclue_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: A room has one word, and the word is the same on every floor.
ROOMS = ("schema", "staging", "preferences", "revenue", "funnel", "health")
FLOORS = {
    "its SQL": "sql/{}",
    "its calculations": "aclue_pipeline/{}",
    "its Dagster file": "aclue_pipeline/defs/{}.py",
    "its tests": "tests/{}",
}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("floor", FLOORS)
def test_a_room_stands_on_every_floor(room: str, floor: str) -> None:
    path = FLOORS[floor].format(room)
    assert (ROOT / path).exists(), f"the room {room} has no {floor}: add {path}"


def test_modules_and_functions_stay_readable() -> None:
    long = []
    for path in MODULES:
        text = path.read_text()
        if text.count("\n") > 400:
            long.append(f"{path}: an idea is missing, cut it where the second reason to change begins")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 50:
                long.append(f"{path}:{node.lineno} {node.name}: make it a few well-named steps")
    assert not long, "\n".join(long)


def test_the_verdicts_of_clicks_are_called_the_same_wherever_they_are_counted() -> None:
    """Columns of published tables may say more: valid_clicks."""
    says = CATALOG.tables["staging.click_facts"].column("verdict").description
    verdicts = set(re.findall(r"\w+", says.partition(" by the rules")[0])) - {"or"}
    assert verdicts == {"valid", "repeat", "machine", "no_date"}
    for path in [*(ROOT / "sql").rglob("*.sql"), *MODULES]:
        text = path.read_text()
        assert set(re.findall(r"\bverdict (?:=|<>) '(\w+)'", text)) <= verdicts, path
        if path.parent.name == "checks":
            for verdict, name in re.findall(r"verdict = '(\w+)'\) as (\w+)", text):
                assert name == verdict, f"{path}: {name} counts what is called {verdict}"


#: Floors that start often, and rooms whose users would pay for what they do not need: `predict` is what a recommender imports.
LAZY = {"cli": "", "defs": "", "demo": "", "definitions.py": "", "preferences": r"pandas|sklearn|scipy"}


def test_imports_stand_at_the_top_but_where_a_floor_or_a_heavy_module_is_only_asked_for_when_needed() -> None:
    found = []
    for path in MODULES:
        lazy = LAZY.get(path.relative_to(PACKAGE).parts[0])
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        for node in (node for function in functions for node in ast.walk(function)):
            text = ast.unparse(node) if isinstance(node, ast.Import | ast.ImportFrom) else ""
            if text and (lazy is None or not re.search(lazy, text)):
                found.append(f"{path}:{node.lineno} {text}")
    assert not found, "move these to the top of the file:\n" + "\n".join(found)


#: Where a module is imported by a name that the linter cannot see, and why.
BY_NAME = {
    "catalog/kept.py": "asks which sqlglot is installed",
    "cli/__init__.py": "a command is imported when it is run",
    "cli/doctor.py": "asks which versions are installed",
    "defs/repository.py": "asks which commit was installed",
    "postgres/server.py": "asks whether the server's wheel is installed",
}


def test_nothing_is_imported_by_name() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if re.search(r"\bimportlib\b|^def __getattr__", path.read_text(), re.MULTILINE)
    }
    assert found == BY_NAME.keys(), "import it by its name, where the linter sees it"


def test_dagster_is_told_things_and_asks_no_database() -> None:
    """defs/ holds no SQL: it takes the resource, calls the room, returns the result."""
    found = []
    for path in sorted((PACKAGE / "defs").glob("*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom) and re.search(r"sqlalchemy|psycopg", ast.unparse(node)):
                found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and re.match(r"\s*(select|with|insert|update|delete)\s", str(node.value)):
                found.append(f"{path.name}:{node.lineno} {str(node.value)[:40]!r}")
    assert not found, f"move these to the room: {'; '.join(found)}"


def test_every_check_in_sql_has_been_seen_red() -> None:
    cases = [case for path in (ROOT / "tests" / "cases").glob("check.*.yaml") for case in read_cases(path)]
    red = {case.of for case in cases if case.expected[0]["outcome"] == "failed"}
    texts = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    without = [
        check.name
        for check in CATALOG.checks
        if f"check.{check.name}" not in red and not re.search(rf"[\"']{check.name}[\"']", texts)
    ]
    files = ", ".join(f"tests/cases/check.{name}.yaml" for name in without)
    assert not without, f"add a case in which it is red: {files}"


def test_every_published_table_ends_with_the_queries_that_a_person_would_start_from() -> None:
    few = [
        str(table.path.relative_to(ROOT))
        for table in CATALOG.tables.values()
        if table.schema == "analytics" and table.kind in ("daily", "whole", "view") and table.room != "health"
        if len(table.queries) < 2
    ]
    assert not few, f"end these with two queries, `-- query: what it answers`, as sql/README.md says: {', '.join(few)}"
    beyond = [
        f"{one.key}: {query.asks}"
        for one in (*CATALOG.tables.values(), *CATALOG.functions.values())
        for query in one.queries
        if re.search(r"(?<!epoch )\b(?:from|join)\s+(?!analytics\.|history\.|\()\w+\.", query.sql)
        or sqltext.parameters(query.sql)
    ]
    assert not beyond, f"analysts read analytics and history, and give no parameters: {'; '.join(beyond)}"


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_path_of_this_machine() -> None:
    forbidden = [str(ROOT) + "/", str(Path.home()) + "/"]
    registry = re.compile(r"--(extra-)?index-url\s|https?://[^\s\"']+/simple\b|registry = \{ ?url")
    for path in _tracked():
        if path.suffix in {".png", ".zip", ".gz"} or path == Path(__file__):
            continue
        text = path.read_text()
        assert not registry.search(text), f"{path} names a package registry: take the address out"
        for place in forbidden:
            assert place not in text, f"{path} names {place}: say it relative to the checkout"


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    from aclue_pipeline.settings import Settings

    lines = dict(re.findall(r"^(ACLUE_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    settings = {f"ACLUE_{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert lines.keys() == settings.keys(), "give every setting one line in .env.example"
    for name, field in settings.items():
        default = "" if field.default is None or field.default_factory else str(field.default)
        assert lines[name] == {"False": "0", "True": "1"}.get(default, default), (
            f"{name}: the example's default is another"
        )


def test_every_error_has_an_exit_code_of_its_own() -> None:
    from aclue_pipeline import errors

    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.AclueError)]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes), "two errors share an exit code: append the next free number"
    assert 2 not in codes, "2 is click's code for a usage error"
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    for kind in kinds:
        line = f"| {kind.exit_code} | {kind.__name__} | {' '.join((kind.__doc__ or '').split())} |"
        assert kind is errors.AclueError or line in page, f"docs/exit-codes.md lacks: {line}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in (path for path in _tracked() if path.suffix == ".md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}, which is not there"


def _commands(page: Path) -> Iterator[list[str]]:
    """The words of every `aclue …` that stands in a page's shell blocks."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^(?:\S*/)?aclue .*", block, re.MULTILINE):
            words = shlex.split(line, comments=True)
            ends = [n for n, word in enumerate(words) if word in ("|", ">", "&&")]
            yield words[1 : min(ends, default=None)]


def parse(words: list[str]) -> None:
    """Raises a UsageError where there is no such command or option."""
    name, command, context = "aclue", aclue, None
    while True:
        context = command.make_context(name, list(words), parent=context)
        words = [*context._protected_args, *context.args]
        if not isinstance(command, click.Group) or not words:
            return
        name, command, words = command.resolve_command(context, words)


def test_every_command_on_a_page_is_one() -> None:
    wrong = []
    for page in (path for path in _tracked() if path.suffix == ".md"):
        for words in _commands(page):
            try:
                parse(words)
            except click.ClickException as error:
                if not re.search("does not exist|not a valid UUID", error.format_message()):  # the reader's own
                    wrong.append(f"{page.relative_to(ROOT)}: aclue {' '.join(words)}: {error.format_message()}")
    assert not wrong, "\n".join(wrong)


def test_the_version_is_that_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest[1] == __version__, "name in aclue_pipeline/__init__.py what the changelog's newest heading names"


def test_ci_runs_what_everybody_can_run() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert {"run": ".ci/run"} in workflow["jobs"]["ci"]["steps"]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"], "hooks are the lock's own tools"


def test_every_dependency_is_there_for_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = project["dependencies"] + [one for of in extras.values() for one in of]
    reasons = (ROOT / "docs" / "decisions.md").read_text()
    for requirement in needed:
        name = re.split(r"[\[<>=!~ ]", requirement)[0]
        assert f"`{name}`" in reasons, f"say in one line of docs/decisions.md why `{name}` is there"


def test_the_floors_are_built_upon_one_another() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        (
            "aclue_pipeline.cli",
            {"dagster", "sqlalchemy", "psycopg", "pandas", "numpy", "sklearn", "pydantic", "sqlglot", "altair"},
        ),
        ("aclue_pipeline.definitions", {"pandas", "sklearn", "altair", "scipy", "vl_convert"}),
    ],
)
def test_what_starts_often_imports_nothing_heavy(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = heavy & set(done.stdout.split())
    assert not loaded, f"{module} loads {sorted(loaded)}: import it inside the function that needs it"


def test_the_code_location_has_one_name() -> None:
    """Another name switches every schedule off (their state is kept under it)."""
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    module = workspace["load_from"][0]["python_module"]
    assert module["location_name"] == "aclue_pipeline"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert not {"dagster", "dg"} & project["tool"].keys(), (
        "a [tool.dagster] or [tool.dg] table draws Dagster away from workspace.yaml"
    )
