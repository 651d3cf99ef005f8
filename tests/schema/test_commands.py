"""The words `aclue plan`, `deploy`, `drift`, `history`, `verify` and `rollback`, with what they print and their exit codes."""

import json
import time
from datetime import timedelta
from pathlib import Path

import pytest

from aclue_pipeline import schema
from aclue_pipeline.cli.context import Duration
from aclue_pipeline.errors import DeploymentIncomplete
from aclue_pipeline.postgres import Database, script
from aclue_pipeline.settings import get_settings
from tests.support.command import said
from tests.support.statements import ask, run

pytestmark = pytest.mark.database


@pytest.fixture
def named(app_db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("ACLUE_DATABASE_URL", app_db.url)
    get_settings.cache_clear()
    return app_db


def test_a_command_leaves_no_connection_also_where_it_fails(named: Database, capsys) -> None:
    assert [said(capsys, "history")[0], said(capsys, "drift")[0]] == [0, 25]
    others = """select from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""
    deadline = time.monotonic() + 5  # a session ends a moment after its connection
    while ask(named, others):  # each look in a transaction of its own, which would see the same again
        assert time.monotonic() < deadline


def test_deploy_says_what_it_did_and_then_that_there_is_nothing_to_do(named: Database, capsys) -> None:
    code, out, _ = said(capsys, "plan", "--sql")
    count = len(schema.plan(named).changes)
    assert (code, out.count("notify pgrst")) == (0, count)
    code, out, err = said(capsys, "deploy", "--yes")
    assert code == 0
    assert f"{count} changes made, fingerprint" in out
    assert "constraint product_views.product_views_product_id_fkey: missing … done" in err
    code, out, _ = said(capsys, "deploy", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["changed"] is False
    with named.begin() as connection:
        print_ = schema.fingerprint(connection)
    for word in ("plan", "drift"):
        assert said(capsys, word)[:2] == (0, f"all is as declared\nfingerprint {print_}\n")


def test_drift_says_of_what_differs_how_it_is_and_how_it_should_be(named: Database, capsys) -> None:
    schema.deploy(named)
    with named.psycopg() as pg:
        pg.execute("alter table public.product_views alter column screen_density set default 1")
        pg.execute("alter policy product_views_read_own on public.product_views using (true)")
    code, out, err = said(capsys, "drift")
    assert (code, "2 differences on" in err) == (25, True)
    assert "column product_views.screen_density: different (default 1 → none; drops; needs --allow" in out
    assert "policy product_views.product_views_read_own: different (using true → (user_id = ( SELECT auth.uid()" in out


def test_a_plan_that_cannot_be_written_or_is_widened_by_options_is_refused(
    named: Database, capsys, tmp_path: Path
) -> None:
    code, _, err = said(capsys, "plan", "--out", str(tmp_path / "nowhere" / "plan.json"))
    assert (code, "plan.json: No such file or directory; name another place" in err) == (40, True)
    file = tmp_path / "plan.json"
    assert said(capsys, "plan", "--out", str(file))[0] == 0
    code, _, err = said(capsys, "deploy", "--yes", "--plan", str(file), "--allow", "drops:product_views.extra")
    assert (code, "give --allow and --adopt to `aclue plan --out`" in err) == (3, True)


def test_keys_pending_is_one_line_with_an_exit_code_of_its_own(named: Database, capsys) -> None:
    other = Database(named.url)
    with other.begin() as connection:
        script(connection, "lock table public.products in row exclusive mode")
        code, out, err = said(capsys, "deploy", "--yes", "--give-up", "0.2s")
    other.close()
    assert (code, out) == (14, "")
    assert err.splitlines()[-1].startswith("aclue: deployed, keys pending: ")


def test_drift_names_what_differs_until_it_is_mended_or_accepted(
    named: Database, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema.deploy(named)
    run(named, """
            create policy everybody on public.session_analytics for select to anon using (true);
            create index extra on public.product_views (created_at);
            """)  # fmt: skip
    code, out, err = said(capsys, "drift")
    assert code == 25
    assert "policy session_analytics.everybody: not declared (closes)" in out
    assert "index product_views.extra: not declared (drops; needs --allow drops:product_views.extra)" in out
    assert "2 differences" in err
    accepted = tmp_path / "accepted.csv"
    accepted.write_text(
        "object,reason,until\nindex product_views.extra,their report,2999-01-01\npolicy session_analytics.everybody,a test,2020-01-01\n"
    )
    monkeypatch.setenv("ACLUE_ACCEPTED", str(accepted))
    get_settings.cache_clear()
    code, out, err = said(capsys, "deploy", "--yes")
    assert code == 0
    assert "note: index product_views.extra: as before, not declared, accepted: their report, until 2999-01-01" in err
    code, out, _ = said(capsys, "drift")
    assert code == 0
    assert "index product_views.extra: not declared (accepted: their report, until 2999-01-01)" in out


@pytest.mark.parametrize(
    ("setting", "value", "trouble"),
    [
        ("SCHEMA_OWNER", "nobody_here", "there is no role nobody_here"),
        ("READERS", "nobody_here:product_views", "there is no role nobody_here"),
        ("READERS", "anon:product_vews", "product_vews is none of the deployed tables"),
        ("ACCEPTED", "nowhere.csv", "there is no file nowhere.csv"),
    ],
)
def test_a_setting_that_names_what_is_not_there_is_refused(
    named: Database, capsys, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, trouble: str
) -> None:
    monkeypatch.setenv(f"ACLUE_{setting}", value)
    get_settings.cache_clear()
    for words in (("plan",), ("deploy", "--yes")):
        code, _, err = said(capsys, *words)
        assert (code, trouble in err, len(err.splitlines())) == (3, True, 1)


def test_accepted_differences_need_their_heading(
    named: Database, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "accepted.csv").write_text("index product_views.extra,their report,2999-01-01\n")
    monkeypatch.setenv("ACLUE_ACCEPTED", str(tmp_path / "accepted.csv"))
    get_settings.cache_clear()
    code, _, err = said(capsys, "plan")
    assert (code, "its first line must be object,reason,until" in err) == (3, True)


def test_what_needs_a_persons_word_ends_with_32_and_what_is_impossible_with_35(named: Database, capsys) -> None:
    schema.deploy(named)
    run(named, "create index extra on public.product_views (created_at)")
    code, _, err = said(capsys, "deploy", "--yes")
    assert code == 32
    assert "say --allow drops:product_views.extra" in err.splitlines()[-1]
    assert said(capsys, "deploy", "--yes", "--allow", "drops:product_views.extra")[0] == 0
    run(named, """
            alter table public.session_analytics drop constraint session_analytics_city_length;
            insert into public.session_analytics (session_id, landing_page, city) values ('s', '/', repeat('x', 201));
            """)  # fmt: skip
    code, _, err = said(capsys, "deploy", "--yes")
    assert code == 35
    assert "session_analytics_city_length: 1 rows break it" in err.splitlines()[-1]


def test_history_says_who_did_what_and_what_brings_back_what_was_closed(named: Database, capsys) -> None:
    assert said(capsys, "history")[:2] == (0, "nothing was deployed yet, as far as this role may see\n")
    schema.deploy(named)
    run(named, """
            create policy everybody on public.session_analytics for select to anon using (true);
            grant select on public.session_analytics to anon;
            alter table public.product_views disable row level security;
            """)  # fmt: skip
    assert said(capsys, "deploy", "--yes")[0] == 0
    code, out, _ = said(capsys, "history", "--json")
    last, first = json.loads(out)
    assert code == 0
    assert (first["action"], first["brings_back"], first["after"]) == ("deploy", [], last["after"])
    assert set(last["outcome"]) == {
        "policy session_analytics.everybody", "grant session_analytics.anon", "row security product_views"
    }  # fmt: skip
    with named.begin() as connection:
        for statement in last["brings_back"]:
            script(connection, statement)
        assert schema.fingerprint(connection) == last["before"]
    assert "brings back what was closed: grant" in said(capsys, "history")[1]


def test_a_plan_from_a_file_is_made_exactly_or_not_at_all(named: Database, capsys, tmp_path: Path) -> None:
    schema.deploy(named)
    run(named, "create index extra on public.product_views (created_at)")
    file = tmp_path / "plan.json"
    assert said(capsys, "plan", "--allow", "drops:product_views.extra", "--out", str(file))[0] == 0
    text = file.read_text()
    for other in (text.replace("drops:product_views.extra", "drops:product_views.other"), "{}", "no plan"):
        file.write_text(other)
        assert said(capsys, "deploy", "--yes", "--plan", str(file))[0] == 33
    file.write_text(text)
    run(named, "create index another on public.product_views (created_at)")
    code, _, err = said(capsys, "deploy", "--yes", "--plan", str(file))
    assert (code, "plan again" in err) == (33, True)
    run(named, "drop index public.another")

    def somebody_comes(_line: str) -> None:
        run(Database(named.url), "create policy late on public.product_views for select to anon using (true)")

    with pytest.raises(DeploymentIncomplete, match=r"policy product_views\.late"):  # nobody has reviewed that
        schema.deploy(named, plan=file, progress=somebody_comes)
    assert [str(change) for change in schema.plan(named).changes] == ["policy product_views.late: not declared"]


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
    run(databases.admin(named), "revoke insert on auth.users from postgres")
    code, out, err = said(capsys, "verify")
    assert code == 26
    assert "– user_data_isolated: not judged: " in out
    assert "could not be judged" in err.splitlines()[-1]
    run(named, "alter table public.product_views disable row level security")
    assert said(capsys, "verify")[0] == 15


@pytest.mark.parametrize(("written", "meant"), [("45s", 45), ("10min", 600), ("1.5 h", 5400), ("2m", 120)])
def test_a_length_of_time_as_people_write_it(written: str, meant: int) -> None:
    assert Duration().convert(written, None, None) == timedelta(seconds=meant)


def test_anything_else_is_refused(capsys) -> None:
    code, _, err = said(capsys, "deploy", "--give-up", "soon")
    assert code == 2
    assert "write 45s, 10min, 2h or 3d" in err
