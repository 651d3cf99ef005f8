"""What a deployment talks to is a server of its own that may be written to, whatever stands in between or was set for its role."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import PooledConnection, ReadOnlyServer, Unreachable
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import FAST
from tests.support.pooler import pooler

pytestmark = pytest.mark.database


class App(threading.Thread):
    """An app that asks one question after the other behind the pooler, each by itself; remembers what went wrong."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._url = database.url
        self.asked, self.wrong = 0, list[str]()
        self._stop_it = threading.Event()

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=None) as pg:
            while not self._stop_it.is_set():
                try:
                    pg.execute("select count(*), pg_sleep(0.001) from products")
                except psycopg.Error as error:
                    self.wrong.append(str(error))
                self.asked += 1

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


@contextmanager
def apps(database: Database, number: int) -> Iterator[list[App]]:
    running = [App(database) for _ in range(number)]
    for app in running:
        app.start()
    try:
        yield running
    finally:
        for app in running:
            app.stop()


def refused(database: Database) -> str:
    with pytest.raises(PooledConnection) as caught:
        schema.deploy(database)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("size", "users"), [(1, 3), (2, 0), (5, 3)])
def test_a_pooler_in_transaction_mode_is_refused_before_anything_is_set(
    server: EmbeddedServer, databases, app_db: Database, tmp_path: Path, size: int, users: int
) -> None:
    with databases.admin(app_db).autocommit() as admin:
        query(admin, f"alter database {app_db.name} set log_statement = 'all'")
    before = len(server.log.read_text())
    with pooler(server, app_db, tmp_path, "transaction", size) as behind, apps(behind, users) as running:
        time.sleep(0.2 * bool(users))
        for _ in range(3):
            assert "session mode" in refused(behind)
        goes_on = [app.asked + 10 for app in running]
        while any(app.asked < number for app, number in zip(running, goes_on, strict=True)):
            time.sleep(0.01)
    assert [app.wrong for app in running] == [[]] * users
    sent = set(re.findall(r"(?:statement|execute <unnamed>): (.*)", server.log.read_text()[before:]))
    sent = {one for one in sent if not re.search("products|^SET application_name='aclue';$", one)}  # the pooler's own
    assert sent
    assert sent <= {f"{begun}select pg_catalog.pg_backend_pid()" for begun in ("", "begin; ", "commit; ")}


def test_in_session_mode_all_works_and_nothing_is_left_to_the_next(
    server: EmbeddedServer, app_db: Database, tmp_path: Path
) -> None:
    with pooler(server, app_db, tmp_path, "session") as behind:
        assert schema.deploy(behind).changed
        assert not schema.deploy(behind).changed
        with behind.begin() as connection:
            assert query(connection, "select current_setting('timezone') as zone") == [{"zone": "UTC"}]
        with apps(behind, 2) as running:
            time.sleep(0.2)
    assert [app.wrong for app in running] == [[], []]


#: What may be set for the role or the database that deploys.
SETTINGS = {
    "transaction_timeout": "200ms",
    "statement_timeout": "30ms",
    "lock_timeout": "1ms",
    "idle_session_timeout": "50ms",
    "intervalstyle": "iso_8601",
    "datestyle": "German",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "serializable",
    "search_path": "auth",
}


def test_settings_of_the_role_change_nothing(databases, app_db: Database, app_db_b: Database) -> None:
    expected = schema.deploy(app_db).fingerprint
    with databases.admin(app_db_b).autocommit() as admin:
        there = {row["name"] for row in query(admin, "select name from pg_settings")}
        for name in SETTINGS.keys() & there:
            query(admin, f"alter database {app_db_b.name} set {name} = {SETTINGS[name]!r}")
    done = schema.deploy(app_db_b)
    assert done.fingerprint == expected
    assert not schema.deploy(app_db_b).changed


def test_a_database_that_was_made_read_only_is_named_as_such(databases, app_db: Database) -> None:
    with databases.admin(app_db).autocommit() as admin:
        query(admin, f"alter database {app_db.name} set default_transaction_read_only = on")
    with pytest.raises(ReadOnlyServer, match=r"read-only \(default_transaction_read_only"):
        schema.deploy(app_db)


@pytest.mark.slow
def test_a_replica_is_named_as_such(tmp_path: Path) -> None:
    standby = EmbeddedServer(tmp_path, settings=FAST | {"wal_level": "replica"})
    standby.start()
    standby.stop()
    (standby.data / "standby.signal").touch()
    standby.start()
    try:
        with pytest.raises(ReadOnlyServer, match="is a replica"):
            schema.deploy(Database(standby.url()))
    finally:
        standby.stop()


def test_a_lost_connection_is_named_and_the_next_run_finishes(databases, app_db: Database) -> None:
    admin = databases.admin(app_db)

    def end(_line: str) -> None:
        with admin.begin() as connection:
            query(
                connection,
                """select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid() and application_name = 'aclue'""",
            )

    with pytest.raises(Unreachable, match=r"terminating connection due to administrator command.*run it again"):
        schema.deploy(app_db, progress=end)
    assert schema.deploy(app_db).changed
    assert not schema.deploy(app_db).changed
