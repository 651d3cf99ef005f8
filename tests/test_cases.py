"""Every file in tests/cases/ is tried: given rows → expected rows, on a real server. To add a case, write YAML; see sql/README.md."""

from pathlib import Path

import pytest

from aclue_pipeline.catalog.table import SELECTED
from tests.conftest import Databases
from tests.support.cases import Case, check, read_cases
from tests.support.catalogs import CATALOG

CASES = Path(__file__).parent / "cases"


def key_of(case: Case) -> str:
    return case.of if case.of in CATALOG.functions or case.of.startswith("check.") else CATALOG.table(case.of).key


@pytest.mark.database
@pytest.mark.parametrize("case", [case for path in sorted(CASES.glob("*.yaml")) for case in read_cases(path)], ids=str)
def test_given_gives_the_expected(case: Case, databases: Databases) -> None:
    db = databases.copy("deployed_b" if case.shape == "b" else "deployed")
    check(case, CATALOG, db, databases.admin(db))


def test_every_table_made_by_a_select_and_every_function_has_a_case() -> None:
    tried = {key_of(case) for path in CASES.glob("*.yaml") for case in read_cases(path)}
    # A list of constants is its own case.
    wanting = [
        *(table for table in CATALOG.tables.values() if table.kind in SELECTED and table.upstream),
        *CATALOG.functions.values(),
    ]
    without = [one.key for one in wanting if one.key not in tried]
    assert not without, f"add given → expected: {', '.join(f'tests/cases/{key}.yaml' for key in without)}"
