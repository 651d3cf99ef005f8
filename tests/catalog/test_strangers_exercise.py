"""The stranger's exercise: a new published table is one SQL file and one case file, and nothing else. Everything that must know
of it does: the database, the cases, the docs, the lineage, and the asset graph."""

import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from aclue_pipeline.catalog import Catalog, docs, lineage
from aclue_pipeline.definitions import build_defs
from tests.conftest import Databases
from tests.support.cases import check, read_cases
from tests.support.catalogs import CATALOG

SQL = """-- One row per day and device: how often products were shown to friends.
-- kind: daily
-- grain: day, device_type
-- clock: view_timestamp of the view (reporting zone)
-- owner: team:analytics
-- headline: shares
select
    (v.view_timestamp at time zone :timezone)::date as day,             -- Calendar day in the reporting zone.
    coalesce(nullif(v.device_type, ''), '(not set)') as device_type,    -- Device it was shared from; '(not set)' where unknown.
    count(*) as shares,                                                 -- Views that ended in sharing the product. Additive.
    count(distinct v.product_id) as products                            -- Products that were shared. Not additive: shared twice.
from public.product_views v
where v.interaction_type = 'share' and v.view_timestamp >= :range_start and v.view_timestamp < :range_end
group by 1, 2

-- query: shares by month
--   select date_trunc('month', s.day)::date as month, sum(s.shares) as shares
--   from analytics.shares_daily as s
--   group by 1
-- query: what products are shared from most
--   select s.device_type, sum(s.shares) as shares from analytics.shares_daily as s group by 1 order by 2 desc
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
def stranger(tmp_path: Path) -> Catalog:
    """The repository's SQL with one more file."""
    root = tmp_path / "sql"
    shutil.copytree(CATALOG.root, root)
    (root / "funnel" / "shares_daily.sql").write_text(SQL)
    return Catalog.load(root)


@pytest.mark.database
def test_its_case_passes_on_a_database_that_never_saw_it(
    stranger: Catalog, databases: Databases, tmp_path: Path
) -> None:
    db = databases.copy("deployed")
    path = tmp_path / "shares_daily.yaml"
    path.write_text(CASE)
    (case,) = read_cases(path)
    check(case, stranger, db, databases.admin(db))
    with db.psycopg() as pg:
        by_month, by_device = (
            pg.execute(query.sql.encode()).fetchall() for query in stranger.table("shares_daily").queries
        )
    assert (by_month, by_device) == ([(date(2026, 6, 1), 2)], [("mobile", 2)])


def test_the_docs_and_the_lineage_have_it(stranger: Catalog) -> None:
    page = docs.pages(stranger)["funnel.md"].split("\n## analytics.shares_daily\n")[1].split("\n## ")[0]
    assert "| shares | int | Views that ended in sharing the product. | Additive. |" in page
    assert "**what products are shared from most**" in page
    assert "analytics.shares_daily" in docs.pages(stranger)["README.md"]
    assert list(lineage.lines(lineage.tree(stranger, "shares_daily", "shares"))) == [
        "analytics.shares_daily.shares",
        "├─ public.product_views.id",
        "└─ filtered by public.product_views.device_type, public.product_views.interaction_type, public.product_views.view_timestamp",
    ]


def test_it_is_an_asset_with_daily_partitions_and_described_columns(stranger: Catalog) -> None:
    node = build_defs(stranger).resolve_asset_graph().get(dg.AssetKey(["analytics", "shares_daily"]))
    columns = {column.name: column.description for column in node.metadata["dagster/column_schema"].columns}
    assert (node.group_name, node.partitions_def is not None) == ("funnel", True)
    assert list(columns)[:4] == ["day", "device_type", "shares", "products"]
    assert all(columns.values())
