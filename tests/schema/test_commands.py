"""The words `aclue deploy`, `verify`, `rollback` and `schema`, with what they print and their exit codes."""

import json
from datetime import timedelta

import pytest

from aclue_pipeline import schema
from aclue_pipeline.cli import main
from aclue_pipeline.cli.schema import Duration
from aclue_pipeline.postgres import Database, script
from aclue_pipeline.settings import get_settings

pytestmark = pytest.mark.database


@pytest.fixture
def named(app_db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("ACLUE_DATABASE_URL", app_db.url)
    get_settings.cache_clear()
    yield app_db
    get_settings.cache_clear()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def test_deploy_says_what_it_did_and_then_that_there_is_nothing_to_do(named: Database, capsys) -> None:
    code, out, _ = said(capsys, "deploy", "--dry-run")
    assert (code, out.count("notify pgrst")) == (0, 11)
    code, out, err = said(capsys, "deploy", "--yes")
    assert code == 0
    assert "fingerprint" in out
    assert "key product_views_product_id_fkey … done" in err
    code, out, _ = said(capsys, "deploy", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["changed"] is False
    assert said(capsys, "schema", "plan")[1] == "all is as declared\n"
    with named.begin() as connection:
        assert said(capsys, "schema", "fingerprint")[1].strip() == schema.fingerprint(connection)


def test_keys_pending_is_one_line_with_an_exit_code_of_its_own(named: Database, capsys) -> None:
    other = Database(named.url)
    with other.begin() as connection:
        script(connection, "lock table public.products in row exclusive mode")
        code, out, err = said(capsys, "deploy", "--yes", "--give-up", "0.2s")
    other.close()
    assert (code, out) == (14, "")
    assert err.splitlines()[-1].startswith("aclue: deployed, keys pending: ")


def test_rollback_restore_and_purge_say_what_they_did(named: Database, capsys) -> None:
    schema.deploy(named)
    with named.begin() as connection:
        script(connection, "insert into public.session_analytics (session_id, landing_page) values ('s', '/')")
        script(
            connection, "create table public.notes (id int, view uuid constraint of_a_view references product_views)"
        )
    code, _, err = said(capsys, "rollback", "--yes")
    assert (code, "--allow drops:notes.of_a_view" in err) == (32, True)
    code, out, _ = said(capsys, "rollback", "--yes", "--allow", "drops:notes.of_a_view")
    assert (code, out.endswith(f"user_preferences into aclue_retired_1 on {named.label}\n")) == (0, True)
    assert said(capsys, "rollback", "--yes")[:2] == (0, "nothing to retire\n")
    code, _, err = said(capsys, "purge", "--yes")
    assert (code, "--discard-data" in err) == (16, True)
    schema.deploy(named)
    code, _, err = said(capsys, "restore", "--yes")
    assert (code, "--swap" in err) == (36, True)
    assert said(capsys, "restore", "1", "--yes", "--swap")[0] == 0
    code, out, _ = said(capsys, "purge", "2", "--yes")
    assert (code, out.startswith("dropped aclue_retired_2.affiliate_clicks, ")) == (0, True)
    assert said(capsys, "purge", "--yes")[:2] == (0, "nothing to drop\n")
    assert said(capsys, "restore", "--yes")[0] == 20
    assert said(capsys, "rollback", "--yes", "nonsense")[0] == 20


def test_verify_ends_with_15_where_one_fails_and_26_where_one_could_not_be_judged(
    databases, named: Database, capsys
) -> None:
    schema.deploy(named)
    assert said(capsys, "verify")[0] == 0
    with databases.admin(named).begin() as connection:
        script(connection, "revoke insert on auth.users from postgres")
    code, out, err = said(capsys, "verify")
    assert code == 26
    assert "– user_data_isolated: not judged: " in out
    assert "could not be judged" in err.splitlines()[-1]
    with named.begin() as connection:
        script(connection, "alter table public.product_views disable row level security")
    assert said(capsys, "verify")[0] == 15


@pytest.mark.parametrize(("written", "meant"), [("45s", 45), ("10min", 600), ("1.5 h", 5400), ("2m", 120)])
def test_a_length_of_time_as_people_write_it(written: str, meant: int) -> None:
    assert Duration().convert(written, None, None) == timedelta(seconds=meant)


def test_anything_else_is_refused(capsys) -> None:
    code, _, err = said(capsys, "deploy", "--give-up", "soon")
    assert code == 2
    assert "write 45s, 10min or 2h" in err
