"""What clients are promised: every promise kept on a fresh deployment, and each kind of damage told by the promises it breaks."""

import pytest

from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.schema import contract
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.settings import get_settings
from tests.support.command import said
from tests.support.statements import run

pytestmark = pytest.mark.database


def broken(database: Database) -> list[str]:
    return [one.sentence for one in contract.judge(database) if not one.passed]


def test_every_promise_is_kept_and_nothing_left_behind(schema_db: Database) -> None:
    assert broken(schema_db) == []
    with schema_db.begin() as connection:
        for table in (*(f"public.{table}" for table in table_names()), "public.products", "auth.users"):
            assert query(connection, f"select from {table} limit 1") == []


def in_words(*chosen: contract.Promise) -> list[str]:
    return [one.says for one in chosen]


def told(database: Database) -> list[str]:
    """The promises that are broken, by what they say; a sentence goes on with what came instead."""
    found = broken(database)
    return [one.says for one in contract.promises() if any(sentence.startswith(f"{one.says}: ") for sentence in found)]


def test_what_is_taken_is_told_when_the_rights_are_gone(schema_db: Database) -> None:
    with schema_db.begin() as connection:
        for table in table_names():
            script(connection, f"revoke all on public.{table} from anon, authenticated, service_role")
    taken = [one for one in contract.promises() if not one.refused or one.code not in ("42501",)]
    policies = [one for one in contract.promises() if one.code == "42501" and "policy" in one.refused]
    assert set(told(schema_db)) == set(in_words(*taken, *policies))


def test_what_is_refused_is_told_when_everybody_may_everything(schema_db: Database) -> None:
    with schema_db.begin() as connection:
        for table in table_names():
            script(connection, f"alter table public.{table} disable row level security")
            script(connection, f"grant all on public.{table} to anon, authenticated")
    refused = [one for one in contract.promises() if one.code == "42501" or one.touches == 0]
    assert set(told(schema_db)) == set(in_words(*refused))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            "drop trigger affiliate_clicks_fill_in on public.affiliate_clicks",
            "A batch in which only some rows give an id or a time; the others get theirs: 42501",
        ),
        (
            "drop trigger user_preferences_note_adjustment on public.user_preferences",
            "An anonymous sign-in adjusts, too: taken, but not so that adjusted_at is not null",
        ),
        (
            "alter table public.affiliate_clicks drop constraint affiliate_clicks_pkey",
            "What was delivered is delivered again: taken, not 23505",
        ),
        ("drop table public.product_views", "A client changes a view: 42P01"),
    ],
)
def test_a_damage_is_told_with_what_came_instead(schema_db: Database, damage: str, expected: str) -> None:
    run(schema_db, damage)
    assert any(sentence.startswith(expected) for sentence in broken(schema_db))


def test_the_command_ends_as_verify_does(
    schema_db: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", schema_db.url)
    get_settings.cache_clear()

    code, out, _ = said(capsys, "contract")
    assert (code, len(out.splitlines())) == (0, len(contract.promises()))
    run(schema_db, "revoke insert (session_id) on public.product_views from anon")
    code, out, _ = said(capsys, "contract")
    assert code == 15
    assert "✗ product_views: A visitor's impressions, a list in one request: 42501 permission denied" in out
    run(schema_db, "drop table public.recommendations cascade")
    assert said(capsys, "contract")[0] == 26
