"""`aclue funnel rebuild` rebuilds this room's tables and no others; what else it says is tried in tests/revenue."""

import json

import pytest

from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.support.command import said


@pytest.mark.database
def test_it_rebuilds_the_tables_of_its_room(deployed_db: Database, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    get_settings.cache_clear()
    days = ("--from", "2026-03-01", "--to", "2026-03-01")
    code, out, _ = said(capsys, "funnel", "rebuild", "--yes", *days, "--json")
    assert code == 0
    told = json.loads(out)
    assert {table["table"] for table in told} == {
        "analytics.ctr_by_position_daily",
        "analytics.recommendation_performance_daily",
        "analytics.session_steps",
        "analytics.session_funnel_daily",
        "analytics.session_quality_daily",
        "analytics.people_active",
        "analytics.retention_weekly",
    }
