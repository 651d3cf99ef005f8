"""The tutorial does what it says: its blocks are run word for word, one after the other, in a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"

#: The programs of the environment that `make` would have made: this one's, looking at the copy.
PROGRAMS = {"python": "", "aclue": "-c 'from aclue_pipeline.cli import main; main()'", "pytest": "-m pytest -n 0"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if not re.match(r"ACLUE_|PYTEST_|PYTHONPATH", name)}


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(lambda name: (ROOT / name).is_file(), listed.stdout.splitlines()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, runs in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} {runs} "$@"\n')
        (programs / name).chmod(0o755)
    (tmp_path / ".venv" / "dev").touch()  # newer than the lock: nothing is to be installed
    yield tmp_path
    subprocess.run([programs / "aclue", "db", "stop"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False)


@pytest.mark.slow
def test_a_table_a_check_a_deployed_table_and_a_facet_are_added_word_for_word(clone: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    script = clone / "tutorial.sh"
    script.write_text("\n".join(["set -euo pipefail", *blocks]))
    done = subprocess.run(["bash", script], cwd=clone, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for seen in (
        r"^ mobile +\| +\d+$",  # the published table
        r"├─ staging\.views\.view_id",  # its lineage
        r"anonymous_visitors: \d+ lines of access\.csv hold",  # the deployed table's among them
        r"^ \d\S* +\| +\d+$",  # profiles by the new facet
        r"^9 passed",  # the table's case, the check's red one, seven facets
    ):
        assert re.search(seen, done.stdout, re.MULTILINE), f"{seen}\n{done.stdout}"
    deployed = (clone / "sql" / "schema" / "declared.json").read_text()
    assert '"wishes"' in deployed
    assert "age_preferences" in deployed
    assert "## analytics.openings_daily" in (clone / "docs" / "tables" / "funnel.md").read_text()
