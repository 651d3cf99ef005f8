"""The stranger's exercise: a new published table is one SQL file and one case file, and nothing else. Everything that must know
of it does: the database, the cases, the docs, the lineage, and the asset graph."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aclue_pipeline import catalog
from aclue_pipeline.catalog import docs, lineage
from tests.conftest import Databases
from tests.support.cases import check, read_cases

SQL = """-- One row per day and device: how often products were shown to friends.
-- kind: daily
-- grain: day, device_type
-- clock: view_timestamp of the view (reporting zone)
-- owner: team:analytics
-- headline: shares
select
    (v.view_timestamp at time zone :timezone)::date as day,             -- Calendar day in the reporting zone.
    coalesce(nullif(v.device_type, ''), '(not set)') as device_type,    -- Device it was shared from; '(not set)' where unknown.
    count(*) as shares,                                                 -- Views that ended in sharing the product.
    count(distinct v.product_id) as products                            -- Products that were shared.
from public.product_views v
where v.interaction_type = 'share' and v.view_timestamp >= :range_start and v.view_timestamp < :range_end
group by 1, 2
"""

CASE = """
- name: a share a minute before local midnight belongs to that day
  given:
    public.product_views:
      - {product_id: mug, interaction_type: share, view_timestamp: 2026-06-01 22:59+00, device_type: mobile}
      - {product_id: mug, interaction_type: share, view_timestamp: 2026-06-01 23:00+00, device_type: mobile}
      - {product_id: hat, interaction_type: click, view_timestamp: 2026-06-01 12:00+00, device_type: mobile}
  range: [2026-06-01, 2026-06-02]
  expected:
    - {day: 2026-06-01, device_type: mobile, shares: 1, products: 1}
    - {day: 2026-06-02, device_type: mobile, shares: 1}
"""


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Path]:
    """The repository's SQL with one more file; the path of its case file."""
    root = tmp_path / "sql"
    shutil.copytree(catalog.sql_root(), root)
    (root / "funnel").mkdir(exist_ok=True)
    (root / "funnel" / "shares_daily.sql").write_text(SQL)
    case = tmp_path / "shares_daily.yaml"
    case.write_text(CASE)
    with catalog.reading(root):
        yield case


@pytest.mark.database
def test_its_case_passes_on_a_database_that_never_saw_it(stranger: Path, databases: Databases) -> None:
    db = databases.copy("deployed")
    (case,) = read_cases(stranger)
    check(case, db, databases.admin(db))


def test_the_docs_and_the_lineage_have_it(stranger: Path) -> None:
    assert "## analytics.shares_daily" in docs.pages()["funnel.md"]
    assert "analytics.shares_daily" in docs.pages()["README.md"]
    assert list(lineage.lines(lineage.tree("shares_daily", "shares"))) == [
        "analytics.shares_daily.shares",
        "├─ public.product_views.id",
        "└─ decided by public.product_views.device_type, public.product_views.interaction_type, public.product_views.view_timestamp",
    ]


ASSET = """
import sys; from pathlib import Path
from aclue_pipeline import catalog
with catalog.reading(Path(sys.argv[1])):
    from aclue_pipeline.definitions import build_defs
    import dagster as dg, json
    node = build_defs().resolve_asset_graph().get(dg.AssetKey(["analytics", "shares_daily"]))
columns = {column.name: column.description for column in node.metadata["dagster/column_schema"].columns}
print(json.dumps({"group": node.group_name, "daily": node.partitions_def is not None, "columns": columns}))
"""


def test_it_is_an_asset_with_daily_partitions_and_described_columns(stranger: Path) -> None:
    # In a process of its own: the code location makes its assets once, when it is imported.
    command = [sys.executable, "-c", ASSET, str(catalog.sql_root())]
    node = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (node["group"], node["daily"]) == ("funnel", True)
    assert list(node["columns"])[:4] == ["day", "device_type", "shares", "products"]
    assert all(node["columns"].values())
