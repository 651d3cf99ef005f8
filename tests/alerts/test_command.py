"""`aclue alerts`: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest

from aclue_pipeline.cli.context import Context
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.alerts.conftest import SECRET, Receiver
from tests.support import command
from tests.support.catalogs import CATALOG
from tests.support.statements import run

pytestmark = [pytest.mark.database, pytest.mark.slow]

KEY = "freshness:public.recommendations"


@pytest.fixture
def named(deployed_db: Database, receiver: Receiver, home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("ACLUE_DATABASE_URL", deployed_db.url)
    monkeypatch.delenv("ACLUE_DAGSTER_URL", raising=False)
    monkeypatch.setenv("ACLUE_ALERT_URLS", f"{receiver.url()} {receiver.url('boss')}")
    monkeypatch.setattr(Context, "catalog", CATALOG)  # read once for all tests
    get_settings.cache_clear()
    return deployed_db


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code, out, err = command.said(capsys, "alerts", *arguments)
    assert SECRET not in out + err
    return code, out, err


def test_what_is_wrong_is_listed_told_taken_on_and_silenced(named: Database, receiver: Receiver, capsys) -> None:
    assert said(capsys)[:2] == (0, "nothing is wrong\n")
    run(named, "insert into public.recommendations (created_at) values (now() - interval '9 days')")
    code, out, err = said(capsys)
    assert (code, out.splitlines()[0]) == (42, f"! {KEY} newest created_at 9 days ago")
    assert f"nobody took on {KEY}: aclue alerts ack KEY" in err
    code, _, err = said(capsys, "ack", "freshness:public.product", "--yes")
    assert (code, err.splitlines()[-1]) == (
        20,
        f"aclue: no alert freshness:public.product stands; those that do: {KEY}",
    )
    assert said(capsys, "send")[0] == 18, "it writes, and nobody is there to ask"
    assert said(capsys, "send", "--yes")[:2] == (0, "nothing new to tell\n")
    run(named, "update pipeline.alerts set began_at = began_at - interval '5 minutes'")
    receiver.refuses.add("boss")
    code, out, err = said(capsys, "send", "--yes")
    assert (code, out) == (41, f"1. json://127.0.0.1: aclue: 1 new ({named.label})\n")
    assert "2. json://127.0.0.1 did not take it" in err
    assert len(receiver.taken()) == 1
    assert said(capsys, "ack", KEY, "--yes")[0] == 0
    assert said(capsys, "silence", "delivery:2._json://…", "--for", "2d", "--yes")[0] == 0
    code, out, _ = said(capsys, "--json")
    assert (code, [one["key"] for one in json.loads(out)]) == (0, ["delivery:2._json://…", KEY])


def test_what_no_sweep_has_found_yet_can_be_taken_on(named: Database, receiver: Receiver, capsys) -> None:
    """As its line says; drift, health and events are judged by the hour only."""
    said(capsys, "send", "--yes")
    run(named, "insert into public.recommendations (created_at) values (now() - interval '9 days')")
    assert said(capsys)[0] == 42
    assert said(capsys, "ack", KEY, "--yes")[0] == 0
    code, out, _ = said(capsys)
    assert (code, "[taken on by " in out) == (0, True)
    run(named, "update pipeline.alerts set began_at = began_at - interval '5 minutes'")
    assert said(capsys, "send", "--yes")[:2] == (0, "nothing new to tell\n")
    assert said(capsys)[0] == 0


def test_a_test_message_says_of_each_address_whether_it_arrived(named: Database, receiver: Receiver, capsys) -> None:
    receiver.refuses.add("boss")
    code, out, _ = said(capsys, "test")
    assert code == 41
    assert out.splitlines()[0] == "✓ 1. json://127.0.0.1 arrived"
    assert out.splitlines()[1].startswith("✗ 2. json://127.0.0.1 did not take it")
    assert receiver.taken() == ["aclue: a test\nAlerts arrive here."]
