"""Another reporting zone cuts other days: no view that only fell into the next day is taken for one that was lost."""

import uuid

import pytest

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


def test_a_changed_time_zone_loses_no_view_and_its_days_are_built_again(
    deployed_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CATALOG.table("analytics.product_revenue_daily")
    monkeypatch.setenv("ACLUE_FIRST_DAY", "2026-11-01")
    get_settings.cache_clear()
    with deployed_db.psycopg() as pg:
        product = uuid.uuid4()
        pg.execute("insert into public.products (id, title) values (%s, 'mug')", [product])
        for at in ("2026-11-20 02:00+00", "2026-11-20 12:00+00", "2026-11-21 12:00+00"):
            pg.execute(
                """insert into public.product_views (product_id, session_id, view_timestamp, created_at, interaction_type)
                   values (%s, 's1', %s, '2026-11-21 13:00+00', 'impression')""",
                [product, at],
            )
    derived.sync(deployed_db, CATALOG)
    derived.rebuild(deployed_db, CATALOG, [table])
    monkeypatch.setenv("ACLUE_TIMEZONE", "America/New_York")
    get_settings.cache_clear()
    derived.sync(deployed_db, CATALOG)
    derived.rebuild(deployed_db, CATALOG, [table])
    with deployed_db.psycopg() as pg:
        days = pg.execute(
            "select day::text, sum(impressions) from analytics.product_revenue_daily group by 1 order by 1"
        ).fetchall()
        (lost,) = pg.execute("select coalesce(sum(lost), 0) from pipeline.days").fetchone() or (None,)
        causes = pg.execute("select distinct unnest(causes) from analytics.restatements").fetchall()
    get_settings.cache_clear()
    assert (days, lost) == ([("2026-11-19", 1), ("2026-11-20", 1), ("2026-11-21", 1)], 0)
    assert causes == [("setting",)]
