"""Every file in tests/cases/ is tried: given rows → expected rows, on a real server. To add a case, write YAML; see sql/README.md."""

from pathlib import Path

import pytest

from aclue_pipeline import catalog
from aclue_pipeline.catalog.table import SELECTED
from tests.conftest import Databases
from tests.support.cases import Case, check, read_cases

CASES = Path(__file__).parent / "cases"


@pytest.mark.database
@pytest.mark.parametrize("case", [case for path in sorted(CASES.glob("*.yaml")) for case in read_cases(path)], ids=str)
def test_given_rows_give_the_expected_rows(case: Case, databases: Databases) -> None:
    db = databases.copy("deployed_b" if case.shape == "b" else "deployed")
    check(case, db, databases.admin(db))


def test_every_table_made_by_a_select_has_a_case() -> None:
    tried = {catalog.table(path.stem).key for path in CASES.glob("*.yaml") if read_cases(path)}
    # A list of constants is its own case.
    wanting = [table for table in catalog.tables().values() if table.kind in SELECTED and table.upstream]
    without = [table.name for table in wanting if table.key not in tried]
    assert not without, f"add given → expected rows: {', '.join(f'tests/cases/{name}.yaml' for name in without)}"
