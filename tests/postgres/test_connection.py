"""Connections: which URLs are accepted, what a failure is called, and that no secret shows."""

import pytest

from aclue_pipeline.errors import InsecureConnection, SettingsError, Unreachable, WrongPassword
from aclue_pipeline.postgres import Database, frame, query, script
from aclue_pipeline.postgres.connection import parse_url

SECRET = "s3cret"


@pytest.mark.parametrize("given", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg"])
def test_every_way_to_write_the_scheme_means_psycopg_3(given: str) -> None:
    assert parse_url(f"{given}://u:{SECRET}@localhost/x").drivername == "postgresql+psycopg"


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


@pytest.mark.parametrize(
    "url", [f"postgresql://u:p@{SECRET}/x#y@db.example.com:5432/z", f"postgresql://u:{SECRET}@localhost:92219/x"]
)
def test_what_may_be_part_of_a_password_is_never_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="percent-encode") as raised:
        parse_url(url)
    assert "x#y" not in str(raised.value)
    assert SECRET not in str(raised.value)


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
    ],
    ids=["wrong password", "unknown user", "unknown database", "nobody listens", "unknown option"],
)
def test_a_failed_connection_is_one_named_line_without_the_password(server, change, error) -> None:
    url = server.url()
    with pytest.raises(error) as raised:
        _connect(change(url))
    assert server._secret["postgres"] not in str(raised.value)
    assert "\n" not in str(raised.value)


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
def test_money_stays_exact_in_a_frame(empty_db: Database) -> None:
    from decimal import Decimal

    with empty_db.begin() as connection:
        money = frame(connection, "select 0.10::numeric(10,2) as pounds from generate_series(1, :n)", n=3)
    assert sum(money["pounds"]) == Decimal("0.30")


@pytest.mark.database
def test_a_statement_that_fails_keeps_its_own_error(empty_db: Database) -> None:
    import sqlalchemy as sa

    def unknown_table() -> None:
        with empty_db.begin() as connection:
            query(connection, "select * from public.database_roles")

    with pytest.raises(sa.exc.ProgrammingError, match="does not exist"):
        unknown_table()
