"""The wheel works without the checkout: built, installed in an empty folder, it deploys from its own SQL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aclue_pipeline.postgres import Database

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a freshly built wheel was installed into."""
    built, folder = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", built, ROOT], check=True)
    (wheel,) = built.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder, wheel], check=True)
    return folder


def _run(installed: Path, code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=installed, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(installed)} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_its_sql_is_its_own(installed: Path) -> None:
    said = _run(installed, "from aclue_pipeline.settings import sql_folder; print(sql_folder())")
    assert Path(said) == installed / "aclue_pipeline" / "sql"


def test_it_holds_what_a_user_needs_and_nothing_of_the_tests(installed: Path) -> None:
    names = {path.name for path in (installed / "aclue_pipeline").iterdir()}
    assert {"sql", "py.typed", "dagster.yaml", "definitions.py"} <= names
    assert not list(installed.rglob("test_*.py"))


@pytest.mark.database
def test_it_deploys(installed: Path, app_db: Database) -> None:
    code = "from aclue_pipeline.cli import main; main(['deploy', '--yes'])"
    _run(installed, code, ACLUE_DATABASE_URL=app_db.url)
    from aclue_pipeline.postgres import query

    with app_db.begin() as connection:
        assert query(connection, "select count(*) as n from pg_tables where tablename = 'affiliate_clicks'") == [
            {"n": 1}
        ]
