"""`aclue health`: what it prints, and its exit code: 15 where somebody must act now."""

import json

import pytest
from sqlalchemy.exc import DataError

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.support import command
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


@pytest.fixture
def named(deployed_db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    monkeypatch.setattr(Catalog, "load", lambda: CATALOG)  # the same, once
    get_settings.cache_clear()
    return deployed_db


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    return command.said(capsys, "health", *arguments)


def test_what_cannot_be_told_yet_is_said_with_its_reason(named: Database, capsys) -> None:
    code, out, _ = said(capsys)
    assert code == 0
    assert out.splitlines() == [
        "i table_growth: analytics.table_sizes nothing to judge yet: sizes are measured since never; a week later growth can be told",
        "    remedy: let the job check_health run every day: it measures",
    ]


def test_a_finding_is_its_severity_its_object_and_its_remedy(named: Database, capsys) -> None:
    with named.autocommit() as connection:
        connection.exec_driver_sql("create table public.queue (id int)")
        connection.exec_driver_sql("insert into public.queue values (0)")
        with pytest.raises(DataError, match="division by zero"):
            connection.exec_driver_sql("create index concurrently queue_broken on public.queue ((1 / id))")
    code, out, err = said(capsys, "unused_indexes")
    assert (code, err) == (15, "aclue: unused_indexes: do as said above, then aclue health again\n")
    assert out.splitlines()[0].startswith("✗ unused_indexes: public.queue_broken invalid: building it on public.queue")
    assert out.splitlines()[1].startswith("    remedy: drop index concurrently public.queue_broken")
    [finding] = json.loads(said(capsys, "unused_indexes", "--json")[1])
    assert list(finding) == ["check", "object", "outcome", "severity", "sentence", "evidence", "remedy"]
    assert finding["evidence"]["valid"] is False


def test_good_health_is_said(named: Database, capsys) -> None:
    assert said(capsys, "unused_indexes")[1] == "nothing found: in good health\n"


def test_a_name_that_is_no_finding_is_one_line(named: Database, capsys) -> None:
    code, _, err = said(capsys, "swelling")
    assert (code, len(err.splitlines())) == (20, 1)
    assert "there are bloat, blockers, cache_hits, connections" in err
