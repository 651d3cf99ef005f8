"""`aclue signoff`: what is signed."""

import re
from typing import Any

import pytest

from aclue_pipeline.postgres import Database, script
from aclue_pipeline.schema import signoff
from aclue_pipeline.schema.verify.criteria import CRITERIA
from aclue_pipeline.settings import get_settings
from tests.support import command

pytestmark = pytest.mark.database


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(database: Database, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("ACLUE_DATABASE_URL", database.url)
        get_settings.cache_clear()
        return command.said(capsys, *arguments)

    return run


def test_a_sign_off_holds_every_criterion_with_its_evidence_and_lines_for_the_approvals(
    schema_db: Database, said: Any
) -> None:
    code, text, _ = said(schema_db, "signoff")
    assert code == 0
    for criterion in CRITERIA:
        assert f"- [x] {criterion.says}: **passed**. " in text
    for who in (*signoff._BEFORE, *signoff._AFTER):
        assert f"- [ ] **{who}:** " in text
    assert "| differs from what is declared | nothing |" in text
    assert "| product_views by user_id | 0." in text
    assert re.search(r"\| 1 \| deploy \| .* UTC \| \d\.\d s \| .* \(database role postgres\) .* done \|", text)
    assert "- [x] **Verification Tests Passed:**" in text
    with schema_db.begin() as connection:
        script(connection, "alter table public.product_views disable row level security")
        script(connection, """create index "[x](javascript:y)<b>" on public.product_views (view_source)""")
    code, text, _ = said(schema_db, "signoff")
    assert code == 15
    assert (
        "- [ ] RLS policies active on all tables (2-3 policies each): **failed**. row level security of product_views is off"
        in text
    )
    assert "| differs from what is declared | row security product_views: " in text
    assert "- [ ] **Verification Tests Passed:**" in text
    assert r"index product_views.\[x\](javascript:y)\<b>" in text
