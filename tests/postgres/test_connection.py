"""Connections: which URLs are accepted, what a failure is called, and that no secret shows."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import psycopg
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aclue_pipeline.errors import InsecureConnection, SettingsError, Unreachable, WrongPassword
from aclue_pipeline.postgres import Database, is_transient, query, script
from aclue_pipeline.postgres.connection import parse_url
from aclue_pipeline.postgres.locks import advisory_lock
from tests.conftest import Databases

SECRET = "s3cret"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"])
def test_every_way_to_write_the_scheme_means_psycopg_3(scheme: str) -> None:
    assert parse_url(f"{scheme}://u:{SECRET}@localhost/x").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("postgresql://u@localhost/x", True),
        ("postgresql://u@127.0.0.5/x", True),
        ("postgresql://u@[::1]:5432/x", True),
        ("postgresql:///x?host=/var/run/postgresql", True),
        ("postgresql:///x?host=localhost,db.example.com", False),
        ("postgresql://u@localhost/x?hostaddr=10.1.2.3", False),
        ("postgresql://u@db.example.com/x", False),
        ("postgresql://u@db.example.com/x?sslmode=prefer", False),
        ("postgresql://u@db.example.com/x?sslmode=require", True),
        ("postgresql://u@db.example.com/x?sslmode=verify-full", True),
        ("postgresql://u@10.0.0.1/x", False),
    ],
)
def test_another_host_needs_tls(url: str, accepted: bool) -> None:
    if accepted:
        parse_url(url)
    else:
        with pytest.raises(InsecureConnection, match="sslmode=require"):
            parse_url(url)


@pytest.mark.parametrize("url", ["mysql://u@localhost/x", "not a url", "sqlite://"])
def test_what_is_no_postgresql_url_says_how_one_looks(url: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://USER:PASSWORD@HOST:5432/NAME"):
        parse_url(url)


PERCENT_ENCODE = (
    "the database URL cannot be read: percent-encode @ / ? # and % in user and password"
    " (@ is %40, / is %2F, ? is %3F, # is %23, % is %25); a host is a name or an address, a port 1 to 65535"
)
resolved: list[tuple[object, ...]] = []
sys.addaudithook(lambda event, arguments: resolved.append(arguments) if event == "socket.getaddrinfo" else None)


def _refused_unasked(url: str) -> None:
    """… with a sentence in which nothing of the URL stands, and before any name is looked up."""
    resolved.clear()
    with pytest.raises(SettingsError) as raised, Database(url).begin():
        pass
    assert str(raised.value) == PERCENT_ENCODE
    assert resolved == []


@pytest.mark.parametrize(
    "rest",
    [
        "u:p@{}/x#y@db.example.com:5432/z",
        "u:{}@localhost:92219/x",
        "u:p@{}@localhost/x",
        "u@{}:p@localhost/x",
        "u:{}#p@localhost/x",
        "u:{}?p@localhost/x",
        "u:{}/p@localhost/x",
        "u:{}%p@localhost/x",
        "u:p@%2F{}/x",
        "u:p@ {}/x",
        "u:p@local:{}/x",
        "u:p@localhost/x?password=a@{}",
        "u:p@localhost,10.0.0.1@{}/x",
    ],
)
def test_a_url_that_can_be_read_in_two_ways_is_refused_without_a_word_of_it(rest: str) -> None:
    _refused_unasked(f"postgresql://{rest.format(SECRET)}?sslmode=require")


@pytest.mark.parametrize("character", "@/?#%")
@given(before=st.text(st.characters(codec="utf-8")), after=st.text(st.characters(codec="utf-8")))
def test_a_raw_password_is_refused_whatever_else_is_in_it(character: str, before: str, after: str) -> None:
    assume(character != "%" or not re.match("[0-9A-Fa-f]{2}", after))  # this one reads as if it were encoded
    _refused_unasked(f"postgresql://u:{before}{character}{after}@db.example.com/x?sslmode=require")


@given(password=st.text(st.characters(codec="utf-8", exclude_characters="\0")), ready=st.booleans())
def test_a_password_is_read_whole_or_not_at_all(password: str, ready: bool) -> None:
    written = quote(password, safe="") if ready else password
    url = f"postgresql://u:{written}@db.example.com:5432/x?sslmode=require"
    if not ready and (set("@/?#") & set(password) or re.search(r"%(?![0-9A-Fa-f]{2})", password)):
        _refused_unasked(url)
        return
    parsed = parse_url(url)
    assert (parsed.username, parsed.host, parsed.port, parsed.database) == ("u", "db.example.com", 5432, "x")
    assert (parsed.password or "") == (password if ready else unquote(password))
    assert parse_url(Database(url).url) == parsed, "another process is told the same"


def test_a_url_that_can_be_read_does_ask_the_resolver() -> None:
    resolved.clear()
    with pytest.raises(Unreachable):
        _connect("postgresql://u:p%40w@nobody.invalid/x?sslmode=require")
    assert [host for host, *_ in resolved] == ["nobody.invalid"]


@pytest.mark.parametrize("name", ["dbname", "service", "servicefile"])
def test_a_url_names_its_database_in_one_place(name: str) -> None:
    with pytest.raises(SettingsError, match=f"by {name}="):
        parse_url(f"postgresql://u:p@localhost/x?{name}=elsewhere")


def test_the_label_shows_the_host_that_the_driver_takes() -> None:
    assert Database("postgresql://u@localhost/x?host=127.0.0.2").label == "localhost, 127.0.0.2/x"
    assert Database("postgresql://u@/x?host=/var/run/postgresql").label == "/var/run/postgresql/x"


def test_the_label_and_the_repr_hold_no_secret() -> None:
    database = Database(f"postgresql://someone:{SECRET}@localhost:5432/shop")
    assert database.label == "localhost/shop"
    assert SECRET not in repr(database)


def _connect(url: str) -> None:
    with Database(url).begin():
        pass


@pytest.mark.database
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda url: url.replace("@127", "x@127"), WrongPassword),
        (lambda url: url.replace("//postgres:", "//nobody:"), WrongPassword),
        (lambda url: url + "_not_there", Unreachable),
        (lambda url: "postgresql://postgres:x@127.0.0.1:1/aclue", Unreachable),
        (lambda url: url + "?sslmod=require", SettingsError),
        (lambda url: url + "?connect_timeout=soon", SettingsError),
        (lambda url: url + "?sslmode=require", InsecureConnection),
        (lambda url: url + "?sslmode=verify-full&sslrootcert=/nowhere", InsecureConnection),
        (lambda url: re.sub(":[^:@]*@", "@", url), WrongPassword),
        (lambda url: "postgresql:///aclue?host=/nowhere", Unreachable),
        (lambda url: url.replace("postgres:", "postgres:\udcff"), SettingsError),
    ],
    ids=[
        "wrong password",
        "unknown user",
        "unknown database",
        "nobody listens",
        "unknown option",
        "no number",
        "no TLS there",
        "no certificate here",
        "no password",
        "no socket",
        "no text",
    ],
)
def test_a_failed_connection_is_one_named_line_without_the_password(server, change, error) -> None:
    url = server.url()
    with pytest.raises(error) as raised:
        _connect(change(url))
    assert server._secret["postgres"] not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("how", ["begin", "autocommit", "psycopg", "apart"])
def test_a_server_that_is_not_there_is_called_silent_however_it_is_asked(how: str) -> None:
    nobody = Database("postgresql://postgres:x@127.0.0.1:1/aclue")
    with pytest.raises(Unreachable, match="no server answers at "), getattr(nobody, how)():
        pass


@pytest.mark.database
@pytest.mark.parametrize("option", ["options=nonsense", "client_encoding=nope", "target_session_attrs=standby"])
def test_a_server_that_refuses_is_not_called_silent(server, option: str) -> None:
    with pytest.raises(Unreachable, match=r"takes no such connection \(.+\); is the URL right\?$"):
        _connect(f"{server.url()}?{option}")


@pytest.mark.parametrize("answer", [b"", b"E\0\0\0\x37SFATAL\0C57P03\0Mthe database system is starting up\0\0"])
def test_of_a_server_that_stops_or_starts_nobody_is_asked_whether_the_url_is_right(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(8192)
                client.sendall(answer)

        pool.submit(serve)
        with pytest.raises(Unreachable, match=r"stops, or is not up yet \(.+\); run it again in a moment$"):
            _connect(f"postgresql://u:p@127.0.0.1:{server.getsockname()[1]}/x?sslmode=disable&gssencmode=disable")


@pytest.mark.database
def test_sessions_run_in_utc_whatever_the_database_says(empty_db: Database, databases) -> None:
    with databases.admin(empty_db).begin() as connection:
        script(connection, f'alter database "{empty_db.name}" set timezone to "America/New_York"')
    with empty_db.begin() as connection:
        assert query(connection, "select current_setting('TimeZone') as zone") == [{"zone": "UTC"}]


@pytest.mark.database
def test_a_script_is_taken_literally(empty_db: Database) -> None:
    with empty_db.begin() as connection:
        script(connection, """create table t (a jsonb default '{"x":1}', b text); insert into t (b) values ('5% :y')""")
        assert query(connection, "select a, b from t where b like :pattern", pattern="5%") == [
            {"a": {"x": 1}, "b": "5% :y"}
        ]


@pytest.mark.database
def test_a_transaction_that_fails_leaves_nothing(empty_db: Database) -> None:
    def through_sqlalchemy() -> None:
        with empty_db.begin() as connection:
            script(connection, "create table half (x int)")
            raise RuntimeError

    def through_the_driver() -> None:
        with empty_db.psycopg() as pg:
            pg.execute("create table half (x int)")
            raise RuntimeError

    for work in (through_sqlalchemy, through_the_driver):
        with pytest.raises(RuntimeError):
            work()
    with empty_db.begin() as connection:
        assert query(connection, "select to_regclass('public.half') as there") == [{"there": None}]


@pytest.mark.database
def test_a_statement_that_fails_keeps_its_own_error(empty_db: Database) -> None:
    import sqlalchemy as sa

    def unknown_table() -> None:
        with empty_db.begin() as connection:
            query(connection, "select * from public.database_roles")

    with pytest.raises(sa.exc.ProgrammingError, match="does not exist"):
        unknown_table()


@pytest.mark.database
@pytest.mark.parametrize(
    "how", ["begin", "psycopg", "autocommit", "apart", "a lock", "COPY in", "COPY out", "a pipeline"]
)
def test_a_cut_connection_is_one_line_however_it_was_used(
    databases: Databases, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    db = databases.copy("supabase")
    admin = databases.admin(db)

    def cut() -> None:
        with admin.begin() as connection:
            ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = :name and pid <> pg_backend_pid()"
            query(connection, ended, name=db.name)

    def use() -> None:
        if how in ("psycopg", "apart"):
            with getattr(db, how)() as pg:
                cut()
                pg.execute("select 1")
        elif how == "COPY in":
            with db.psycopg() as pg:
                pg.execute("create temporary table t (a text)")
                with pg.cursor().copy("copy t from stdin") as copy:
                    cut()
                    for _ in range(10_000):
                        copy.write("x" * 1000 + "\n")
        elif how == "COPY out":
            with (
                db.psycopg() as pg,
                pg.cursor().copy("copy (select repeat('x', 1000) from generate_series(1, 1e5)) to stdout") as copy,
            ):
                cut()
                list(copy)
        elif how == "a pipeline":
            with db.psycopg() as pg, pg.pipeline() as pipeline:
                pg.execute("select 1")
                pipeline.sync()
                cut()
                pg.execute("select 2")
        elif how == "a lock":
            with db.autocommit() as connection, advisory_lock(connection, "anything"):
                cut()
        else:
            with getattr(db, how)() as connection:
                cut()
                query(connection, "select 1")

    with pytest.raises(Unreachable, match="closed the connection; what was not committed is rolled back") as raised:
        use()
    assert is_transient(raised.value)
    assert "\n" not in str(raised.value)
    assert caplog.text == "", "no traceback of the pool's"
    with db.psycopg() as pg:
        assert pg.execute("select 1").fetchone() == (1,)


def wait(db: Database, how: str) -> None:
    """For a minute, for the server."""
    if how in ("begin", "autocommit"):
        with getattr(db, how)() as connection:
            query(connection, "select pg_sleep(60)")
    elif how in ("psycopg", "apart"):
        with getattr(db, how)() as pg:
            pg.execute("select pg_sleep(60)")
    elif how == "COPY in":
        with db.psycopg() as pg:
            pg.execute("create temporary table t (a text, check (a <> '' and pg_sleep(60) is not null))")
            with pg.cursor().copy("copy t (a) from stdin") as copy:
                copy.write("x\n")
    elif how == "COPY out":
        with db.psycopg() as pg, pg.cursor().copy("copy (select pg_sleep(60)) to stdout") as copy:
            list(copy)
    else:
        with db.psycopg() as pg, pg.pipeline() as pipeline:
            pg.execute("select pg_sleep(60)")
            pipeline.sync()


class Terminated(BaseException):
    """As Dagster's interrupt, of which no driver knows."""


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """What raises it in this thread, whichever calls it."""

    def arrive(*_: Any) -> None:
        raise Terminated

    before = signal.signal(signal.SIGUSR1, arrive)
    yield lambda: os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.database
@pytest.mark.parametrize("how", ["begin", "psycopg", "autocommit", "apart", "COPY in", "COPY out", "a pipeline"])
def test_what_a_terminated_run_waits_for_ends_with_it(
    databases: Databases, interrupt: Callable[[], None], how: str
) -> None:
    db = databases.copy("supabase")
    admin = databases.admin(db)
    others = "select state from pg_stat_activity where datname = :name and pid <> pg_backend_pid()"

    def active() -> int:
        with admin.begin() as connection:
            return sum(row["state"] == "active" for row in query(connection, others, name=db.name))

    def end_it() -> None:
        while not active():
            pass
        interrupt()

    with ThreadPoolExecutor(1) as aside:
        ended = aside.submit(end_it)
        with pytest.raises(Terminated):
            wait(db, how)
        ended.result()
    assert active() == 0
    with db.psycopg() as pg:
        assert pg.execute("select 1").fetchone() == (1,)


@pytest.mark.database
def test_what_passes_by_itself_is_told_by_the_servers_state_in_any_language(empty_db: Database) -> None:
    def cut(state: str) -> Exception:
        with pytest.raises(Unreachable) as failed, empty_db.psycopg() as pg:
            pg.execute(f"do $$ begin raise exception 'Verbindung beendet' using errcode = '{state}'; end $$")
        return failed.value

    assert all(is_transient(cut(state)) for state in ("57P01", "57P02", "57P03", "08006"))
    with pytest.raises(psycopg.errors.DeadlockDetected) as deadlock, empty_db.psycopg() as pg:
        pg.execute("do $$ begin raise exception 'Stillstand' using errcode = '40P01'; end $$")
    assert is_transient(deadlock.value)
    with pytest.raises(psycopg.errors.DivisionByZero) as ours, empty_db.psycopg() as pg:
        pg.execute("do $$ begin raise exception 'terminating connection' using errcode = '22012'; end $$")
    assert not is_transient(ours.value)
    with pytest.raises(Unreachable) as missing:
        _connect(empty_db.url + "_not_there")
    assert not is_transient(missing.value), "no database of that name comes by waiting"


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own signature, for another host."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    made = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=elsewhere.example -keyout {path} -out {path}.crt"
    )
    subprocess.run(made.split(), check=True, capture_output=True)
    return path


def _hung_up(_client: socket.socket, _certificate: Path) -> None:
    """Says that it speaks TLS, and does not."""


def _speaks(client: socket.socket, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificate}.crt", certificate)
    with suppress(OSError):
        context.wrap_socket(client, server_side=True).recv(1)


def _only_tls(client: socket.socket, _certificate: Path) -> None:
    said = (
        b'SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host "10.0.0.9", user "u", database "x", no encryption\0\0'
    )
    client.sendall(b"E" + (len(said) + 4).to_bytes(4, "big") + said)


@pytest.mark.parametrize(
    ("answer", "options", "said"),
    [
        (
            _speaks,
            "sslmode=verify-full&sslrootcert={certificate}.crt",
            r"server certificate for .elsewhere.example. does not match",
        ),
        (_speaks, "sslmode=verify-ca&sslrootcert=system", "weak sslmode"),
        (_speaks, "sslmode=verify-full", "root certificate file .* does not exist"),
        (_speaks, "sslmode=verify-full&sslrootcert=system", "certificate verify failed"),
        (_hung_up, "sslmode=require", "SSL"),
        (_only_tls, "sslmode=disable", "by TLS alone: add sslmode=require"),
    ],
)
def test_where_tls_fails_the_line_says_what_failed_and_not_that_nobody_answers(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, options: str, said: str
) -> None:
    monkeypatch.setenv("HOME", str(certificate.parent))
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                client, _ = server.accept()
                client.recv(8192)
                if answer is not _only_tls:
                    client.sendall(b"S")
                answer(client, certificate)
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        address = f"postgresql://u:p@127.0.0.1:{server.getsockname()[1]}/x?{options.format(certificate=certificate)}"
        with pytest.raises(InsecureConnection, match=said) as raised:
            _connect(address)
    assert "\n" not in str(raised.value)
    assert not is_transient(raised.value)
