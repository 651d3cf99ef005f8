"""Sweeps on a real database and a real receiver: told once, over once, nothing lost where sending or the process fails."""

import email
import json
import logging
import signal
import socketserver
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from aclue_pipeline.alerts import Source, acknowledge, silence, standing, sweep, targets
from aclue_pipeline.alerts.decide import GONE
from aclue_pipeline.alerts.targets import Target, send, shown
from aclue_pipeline.checks import Judgement
from aclue_pipeline.errors import AlreadyRunning, MissingPrivilege, NothingFound
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.locks import advisory_lock
from aclue_pipeline.settings import get_settings
from tests.alerts.conftest import SECRET, Receiver
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Judge:
    """A room that says what a test makes it say."""

    def __init__(self) -> None:
        self.red: dict[str, str] = {}
        self.checks: set[str] = set()
        self.error: Exception | None = None

    def __call__(self) -> list[Judgement]:
        if self.error:
            raise self.error
        self.checks |= self.red.keys()
        return [
            Judgement(
                check,
                "public.clicks",
                "failed" if severity else "passed",
                severity or "warn",
                "is wrong",
                remedy="mend it",
            )
            for check, severity in [*self.red.items(), *((check, "") for check in self.checks - self.red.keys())]
        ]  # type: ignore[arg-type]


class Post:
    """A database, its judge and addresses, swept at any minute."""

    def __init__(self, db: Database, monkeypatch: pytest.MonkeyPatch, *urls: str) -> None:
        self.db, self.judge, self.at = db, Judge(), NOW
        self.source = Source("room", self.judge, "aclue health")
        monkeypatch.setenv("ACLUE_ALERT_URLS", " ".join(urls))
        get_settings.cache_clear()
        self.targets = targets()

    def found(self, **red: str) -> None:
        """Found, and found again."""
        self.sweep(**red), self.sweep(**red)

    def sweep(self, minutes: float = 5, **red: str) -> dict[str, str]:
        """The addresses that refused."""
        self.at += timedelta(minutes=minutes)
        self.judge.red = red
        return dict(sweep(self.db, CATALOG, [self.source], self.targets, self.at).refused)


@pytest.fixture
def post(deployed_db: Database, receiver: Receiver, home: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    return Post(deployed_db, monkeypatch, receiver.url())


def test_a_trouble_is_told_once_its_worsening_once_its_end_once(post: Post, receiver: Receiver) -> None:
    post.sweep(late="warn")
    assert receiver.taken() == [], "what a restart makes is over by the next time"
    post.sweep(late="warn")
    [first] = receiver.taken()
    assert first.splitlines() == [
        f"aclue: 1 new ({post.db.label})",
        "! new, warn: late:public.clicks: is wrong",
        "    remedy: mend it",
    ]
    post.sweep(late="warn", lost="error")
    assert receiver.taken() == []
    post.sweep(late="error", lost="error")
    [worse] = receiver.taken()
    assert worse.splitlines()[0] == f"aclue: 1 new, 1 worse ({post.db.label})"
    assert "✗ worse, error: late:public.clicks (for 15 min): is wrong" in worse
    post.sweep(lost="error")
    assert receiver.taken() == [], "it may come back at once"
    post.sweep(15, lost="error")
    assert receiver.taken() == [f"aclue: 1 over ({post.db.label})\n✓ over: late:public.clicks, after 20 min"]
    post.sweep(lost="error")
    assert receiver.taken() == []


@pytest.mark.slow
def test_what_lasts_is_told_again_after_days_unless_somebody_took_it_on(post: Post, receiver: Receiver) -> None:
    post.found(late="warn", lost="error")
    receiver.taken()
    acknowledge(post.db, CATALOG, "late:public.clicks", "ann")
    post.sweep(71 * 60, late="warn", lost="error")
    assert receiver.taken() == []
    post.sweep(60, late="warn", lost="error")
    [again] = receiver.taken()
    assert again.startswith("aclue: 1 still")
    assert "lost:public.clicks (for 3 days)" in again
    post.sweep(late="error", lost="error")
    assert "worse, error: late" in receiver.taken()[0], "what was taken on got worse"
    post.sweep(), post.sweep(15)
    assert receiver.taken()[0].startswith("aclue: 2 over")


@pytest.mark.slow
def test_what_is_taken_on_before_anybody_is_told_is_new_once_it_gets_worse(post: Post, receiver: Receiver) -> None:
    post.source = Source("room", post.judge, every=timedelta(hours=1))
    post.sweep(late="warn")
    acknowledge(post.db, CATALOG, "late:public.clicks", "ann")
    post.sweep(late="error")
    assert receiver.taken() == [], "somebody took it on, so that it is asked of by the hour"
    post.sweep(60, late="error"), post.sweep(late="error")
    assert "✗ new, error: late:public.clicks" in receiver.taken()[0]
    post.sweep(60), post.sweep(60)
    assert receiver.taken()[0].startswith("aclue: 1 over")


@pytest.mark.slow
def test_what_is_silenced_is_not_told_until_then(post: Post, receiver: Receiver) -> None:
    with pytest.raises(NothingFound, match=r"no alert late:public\.clicks stands"):
        silence(post.db, CATALOG, "late:public.clicks", NOW)
    post.found(late="warn")
    receiver.taken()
    silence(post.db, CATALOG, "late:public.clicks", post.at + timedelta(hours=2))
    post.sweep(late="error")
    post.sweep()
    post.sweep(60)
    assert receiver.taken() == []
    post.sweep(120)
    assert "over: late:public.clicks" in receiver.taken()[0]


@pytest.mark.slow
def test_an_address_that_refuses_hears_it_next_time_and_the_other_does_not_hear_it_twice(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Post(post.db, monkeypatch, receiver.url("team"), receiver.url("boss"))
    receiver.refuses.add("boss")
    both.sweep(late="error")
    refused = both.sweep(late="error")
    assert list(refused) == ["2. json://127.0.0.1"]
    assert (len(receiver.taken("team")), receiver.taken("boss")) == (1, [])
    assert list(both.sweep(late="error")) == ["2. json://127.0.0.1"]
    [told] = receiver.taken("team")
    assert "new, error: delivery:2._json://…: did not take it" in told, "the others hear of it"
    receiver.refuses.clear()
    assert both.sweep(late="error") == {}
    assert receiver.taken("team") == []
    assert receiver.taken("boss")[0].startswith("aclue: 1 new"), "it has taken what there was to take"
    both.sweep(15, late="error")
    assert ["over: delivery" in text for text in receiver.taken("team")] == [True]
    third = Post(post.db, monkeypatch, receiver.url("new"), receiver.url("team"))
    third.at = both.at
    assert third.sweep(late="error") == {}
    assert (receiver.taken("team"), len(receiver.taken("new"))) == ([], 1), "whoever comes later hears what lasts"
    both.at = third.at
    both.sweep(late="error")
    assert (receiver.taken("team"), receiver.taken("boss")) == ([], []), "a sweep that does not name it forgot nothing"


@pytest.mark.slow
def test_two_sweeps_at_once_tell_once(post: Post, receiver: Receiver) -> None:
    with post.db.autocommit() as connection, advisory_lock(connection, "alerts"), pytest.raises(AlreadyRunning):
        post.sweep(late="error")
    assert receiver.taken() == []
    post.found(late="error")
    assert len(receiver.taken()) == 1


@pytest.mark.slow
def test_a_room_that_cannot_judge_is_told_and_ends_nothing(post: Post, receiver: Receiver) -> None:
    post.found(late="error")
    receiver.taken()
    for post.judge.error in (
        RuntimeError("ann@example.org said <!here>"),
        MissingPrivilege("may not read public.clicks"),
    ):
        post.sweep(30, late="error")
    [blind] = receiver.taken()
    assert "✗ new, error: judging:room: not judged: may not read public.clicks" in blind
    assert "over" not in blind
    assert "remedy: aclue health" in blind, "what says why, and not what said it"
    post.judge.error = None
    post.sweep(late="error")
    post.sweep(30, late="error")
    assert receiver.taken() == [f"aclue: 1 over ({post.db.label})\n✓ over: judging:room, after 35 min"]
    assert [state.key for state in standing(post.db, [post.source])] == ["late:public.clicks"]


@pytest.mark.slow
def test_a_source_that_was_asked_lately_is_not_asked_and_nothing_of_it_ends(post: Post, receiver: Receiver) -> None:
    post.source = Source("room", post.judge, every=timedelta(hours=1))
    post.sweep(late="error")
    post.sweep(), post.sweep()
    assert receiver.taken() == [], "before it is told it is asked again"
    post.sweep(60, late="error"), post.sweep(late="error")
    post.sweep(30)
    assert len(receiver.taken()) == 1, "its word stands"
    post.sweep(30)
    post.sweep(60)
    assert "over" in receiver.taken()[0]


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_told_once_and_so_is_its_return(
    post: Post, receiver: Receiver, home: Path
) -> None:
    there, away = post.db, Database("postgresql://nobody@127.0.0.1:9/aclue")
    post.db = away
    post.sweep()
    assert receiver.taken() == []
    post.sweep()
    [out] = receiver.taken()
    assert "✗ new, error: database_answers:aclue (for" not in out
    assert "no server answers at" in out
    post.sweep()
    assert receiver.taken() == []
    post.db = there
    post.sweep()
    assert not (home / "alerts.json").exists()
    post.sweep(15)
    assert "✓ over: database_answers:aclue, after 15 min" in receiver.taken()[0]
    post.sweep()
    assert receiver.taken() == []


@pytest.mark.slow
def test_where_nothing_can_be_written_beside_it_the_database_remembers(
    post: Post, receiver: Receiver, home: Path
) -> None:
    """As on a disk that the system mounted anew, read-only."""
    there, post.db = post.db, Database("postgresql://nobody@127.0.0.1:9/aclue")
    post.found(), receiver.taken()
    beside = home / "alerts.json"
    stays = beside.read_text()
    post.db = there
    for _ in range(4):
        beside.write_text(stays)
        post.sweep(late="error")
    [new, over] = receiver.taken()
    assert ("1 new" in new, "✓ over: database_answers:aclue" in over) == (True, True)
    (home / "alerts.lock").unlink()
    for name in "alerts.lock", "alerts.json", "alerts.unreadable/full":  # none can be opened, removed, replaced
        (home / name).mkdir(parents=True)
    post.sweep(late="error")
    assert receiver.taken() == []


@pytest.mark.slow
def test_what_was_remembered_by_another_release_is_read_or_set_aside(
    post: Post, receiver: Receiver, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there, post.db = post.db, Database("postgresql://nobody@127.0.0.1:9/aclue")
    post.sweep()
    beside = home / "alerts.json"
    [row] = json.loads(beside.read_text())
    del row["returns"], row["acknowledged_by"]
    beside.write_text(json.dumps([{**row, "colour": "red"}]))
    post.sweep()
    assert "new, error: database_answers:aclue" in receiver.taken()[0]
    del row["key"]
    for strange in (json.dumps([row]), '[{"key": "a"}]', '["a"]', "7", '{"a": 1}', '[{"key": "', "\xff"):
        beside.write_bytes(strange.encode("latin-1"))
        caplog.clear()
        post.sweep()
        assert [record.message.split(" (")[0] for record in caplog.records] == ["alerts.json cannot be read"]
        assert (home / "alerts.unreadable").read_bytes() == strange.encode("latin-1")
    beside.write_text("7")
    post.db = there
    post.found(late="error")
    assert len(receiver.taken()) == 1
    with there.begin() as connection:
        query(connection, """update pipeline.alerts set told = '{"somebody": "was told"}', severity = 'fatal'""")
    post.sweep(late="error")
    assert len(receiver.taken()) == 1, "whom it was told, nobody knows"
    for told in "{}", "[]", "7":
        acknowledge(there, CATALOG, "late:public.clicks", "ann")
        with there.begin() as connection:
            query(connection, "update pipeline.alerts set told = cast(:told as jsonb)", told=told)
        post.sweep(late="error")
        assert receiver.taken() == [], "somebody took it on"


@pytest.mark.slow
def test_what_a_removed_source_found_ends(post: Post, receiver: Receiver) -> None:
    post.found(late="error")
    receiver.taken()
    post.source = Source("room", None)
    post.sweep(30)
    assert receiver.taken() == [], "it cannot be asked from here"
    post.source = Source("another room", Judge())
    assert [state.key for state in standing(post.db, [post.source])] == []
    post.sweep(), post.sweep(15)
    assert receiver.taken() == [f"aclue: 1 over ({post.db.label})\n✓ over: late:public.clicks, after 40 min: {GONE}"]


#: A process that sweeps as the cron job would, with a room that is red.
SWEEPER = """
import sys
from datetime import datetime
from aclue_pipeline.alerts import Source, sweep, targets
from aclue_pipeline.checks import Judgement
from aclue_pipeline.postgres import Database
from tests.support.catalogs import CATALOG
red = [Judgement("late", "public.clicks", "failed", "error", "is wrong")]
sweep(Database(sys.argv[1]), CATALOG, [Source("room", lambda: red)], targets(), datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.slow
def test_killed_between_sending_and_noting_it_is_told_once_more_and_never_lost(post: Post, receiver: Receiver) -> None:
    post.sweep(late="error")
    at = post.at + timedelta(minutes=5)
    sweeper = subprocess.Popen([sys.executable, "-c", SWEEPER, post.db.url, at.isoformat()])
    receiver.arrives = sweeper.kill
    assert sweeper.wait(60) == -signal.SIGKILL
    receiver.arrives = lambda: None
    assert len(receiver.taken()) == 1
    post.sweep(late="error")
    assert len(receiver.taken()) == 1
    post.sweep(late="error")
    assert receiver.taken() == []


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_of_an_address_scheme_and_host_are_shown_and_the_host_only_where_it_is_one() -> None:
    tokens = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ tgram://123456789:abcdefg/12 ntfy://my-secret-topic pover://u@t"
    assert [shown(url) for url in tokens.split()] == ["slack://…", "tgram://…", "ntfy://…", "pover://…"]
    assert shown("mailtos://ann:pa%ss@mail.example.org?to=bob@example.org") == "mailtos://mail.example.org"
    assert shown("https://hooks.slack.com/services/T1/B2/c3") == "https://hooks.slack.com"
    assert shown("json://[broken") == "json://…"


@pytest.mark.slow
def test_no_address_is_in_a_log_an_error_or_the_database(
    post: Post, receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.refuses.add("boss")
    away = f"json://u:{SECRET}@127.0.0.1:9/{SECRET}"
    both = Post(post.db, monkeypatch, receiver.url(), receiver.url("boss"), away, f"bogus://{SECRET}/{SECRET}")
    both.sweep(late="error")
    refused = both.sweep(late="error")
    assert refused == {
        "2. json://127.0.0.1": refused["2. json://127.0.0.1"],
        "3. json://127.0.0.1": refused["2. json://127.0.0.1"],
        "4. bogus://…": "is no address that apprise knows",
    }
    with post.db.begin() as connection:
        rows = query(connection, "table pipeline.alerts")
    assert SECRET not in caplog.text + "".join(capfd.readouterr()) + repr(rows) + repr(both.targets) + repr(refused)


class Mailbox(socketserver.StreamRequestHandler):
    """A mail server that keeps what it is given."""

    mails: list[bytes] = []  # noqa: RUF012

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                self.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"250 ok\r\n")


@pytest.mark.slow
def test_a_mail_is_plain_text_with_the_title_as_its_subject() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        url = f"mailto://127.0.0.1:{server.server_address[1]}/?from=aclue@example.org&to=ann@example.org&mode=insecure"
        assert (
            send(Target(url, "id", "mail"), "aclue: 1 new (db)", "! new, warn: a:b: is wrong", "warning") == "arrived"
        )
        server.shutdown()
    [mail] = map(email.message_from_bytes, Mailbox.mails)
    assert (mail["Subject"], mail["To"], mail.get_content_type()) == (
        "aclue: 1 new (db)",
        "ann@example.org",
        "text/plain",
    )
    assert b"! new, warn: a:b: is wrong" in mail.get_payload(decode=True)
