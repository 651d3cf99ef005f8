"""The servers and databases every test runs on: real ones, a copy of a template for each test."""

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database, script
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.settings import get_settings
from tests.support.catalogs import CATALOG
from tests.support.shop import APP, Shop

# Each worker has one core: threads of numpy and scipy would wait for each other. Read when those are imported, which is later.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

# Of a shell's job in the background Ctrl-C is ignored, and so it would be in what the tests start and press it in.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "1GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}

#: What shares something that is costly to start (a UI, a wheel, a disk, months of clicks) runs on one worker.
TOGETHER = (
    "tests/deploy/test_processes.py",
    "tests/faults/",
    "tests/ui/",
    "tests/upgrade/",
    "tests/wheel/",
    "tests/defs/test_jobs.py",
    "tests/postgres/test_environment.py",
    "tests/preferences/test_hostile_rows.py",
    "tests/revenue/test_events.py",
)


def pytest_configure(config: pytest.Config) -> None:
    if Path(".env").exists():
        pytest.exit("move .env away while testing: the commands under test would read it", 4)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """By path: xdist 3.8 hands a mark's group over in the test's name, which pytest 9.2 no longer lets it write."""
    from xdist.scheduler import LoadGroupScheduling

    class Together(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((path for path in TOGETHER if nodeid.startswith(path)), nodeid)

    return Together(config, log)


#: How each template is filled, once a session; each starts from the one it names.
TEMPLATES: dict[str, tuple[str | None, Callable[[EmbeddedServer, str], None]]] = {}


def template(
    parent: str | None,
) -> Callable[[Callable[[EmbeddedServer, str], None]], Callable[[EmbeddedServer, str], None]]:
    def register(fill: Callable[[EmbeddedServer, str], None]) -> Callable[[EmbeddedServer, str], None]:
        TEMPLATES[fill.__name__] = (parent, fill)
        return fill

    return register


@template(None)
def supabase(server: EmbeddedServer, name: str) -> None:
    """A new Supabase project: roles and auth, nothing of the app."""
    from aclue_pipeline.postgres import app

    app.install(server.url(name, SUPERUSER), shape=None)


@template("supabase")
def app_a(server: EmbeddedServer, name: str) -> None:
    """The app's own tables, catalogue shape A, empty."""
    from aclue_pipeline.postgres import app

    app.install(server.url(name, SUPERUSER), shape="a")


@template("supabase")
def app_b(server: EmbeddedServer, name: str) -> None:
    """The app's own tables, catalogue shape B, empty."""
    from aclue_pipeline.postgres import app

    app.install(server.url(name, SUPERUSER), shape="b")


def _deploy(server: EmbeddedServer, name: str) -> None:
    from aclue_pipeline import schema

    database = Database(server.url(name))
    schema.deploy(database)
    derived.ensure_tables(database, CATALOG)
    database.close()


@template("app_a")
def deployed(server: EmbeddedServer, name: str) -> None:
    """Shape A with the five tables and every derived table, empty."""
    _deploy(server, name)


@template("app_b")
def deployed_b(server: EmbeddedServer, name: str) -> None:
    """Shape B with the five tables and every derived table, empty."""
    _deploy(server, name)


@pytest.fixture(autouse=True)
def _settings_are_read_anew() -> Iterator[None]:
    """Whatever a test named in the environment."""
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """This worker's own server (the wheel's, or ACLUE_PG_BIN's), without fsync, stopped at the end."""
    pg_bin = os.environ.get("ACLUE_PG_BIN")
    with tempfile.TemporaryDirectory(prefix="aclue-tests-", dir=_memory()) as home:
        server = EmbeddedServer(Path(home), Path(pg_bin) if pg_bin else None, FAST)
        server.start()
        yield server
        server.stop()


def _memory() -> str | None:
    """A folder in memory, if there is room: a template is copied in five hundred files, which takes a disk ten times as long."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 6 * 2**30 else None


@contextmanager
def copy_of(server: EmbeddedServer, template: str) -> Iterator[Database]:
    """A copy that lives as long as the block; for a fixture of whatever scope, where `Databases` is a test's."""
    name = f"{template}_copy_{uuid.uuid4().hex[:6]}"
    server.create_database(name, template=template)
    database = Database(server.url(name))
    try:
        yield database
    finally:
        database.close()
        server.drop_database(name)


class Databases:
    """Copies of templates; `copy("app_a")` is a Database, connected as the deployer, who is no superuser."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._open: list[Database] = []

    def copy(self, of: str) -> Database:
        self._build(of)
        name = f"t_{uuid.uuid4().hex[:12]}"
        self._server.create_database(name, template=of)
        database = Database(self._server.url(name))
        self._open.append(database)
        return database

    def admin(self, database: Database) -> Database:
        """The same database as the superuser, for what only Supabase itself may do."""
        admin = Database(self._server.url(database.name, SUPERUSER))
        self._open.append(admin)
        return admin

    def close(self) -> None:
        for database in self._open:
            database.close()
        for name in {database.name for database in self._open}:
            self._server.drop_database(name)

    def _build(self, name: str) -> None:
        if name in self._server.databases():
            return
        parent, fill = TEMPLATES[name]
        if parent is not None:
            self._build(parent)
        building = f"{name}_building"
        self._server.drop_database(building)
        self._server.create_database(building, template=parent)
        fill(self._server, building)
        self._rename(building, name)

    def _rename(self, old: str, new: str) -> None:
        import psycopg
        from psycopg import sql

        with psycopg.connect(self._server.url("postgres", SUPERUSER), autocommit=True) as connection:
            connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [old])
            connection.execute(
                sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new))
            )


@pytest.fixture
def databases(server: EmbeddedServer) -> Iterator[Databases]:
    databases = Databases(server)
    yield databases
    databases.close()


@pytest.fixture
def empty_db(databases: Databases) -> Database:
    return databases.copy("supabase")


@pytest.fixture
def app_db(databases: Databases) -> Database:
    return databases.copy("app_a")


@pytest.fixture
def app_db_b(databases: Databases) -> Database:
    return databases.copy("app_b")


@pytest.fixture
def deployed_db(databases: Databases) -> Database:
    return databases.copy("deployed")


@pytest.fixture
def deployed_db_b(databases: Databases) -> Database:
    return databases.copy("deployed_b")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "sql")


@pytest.fixture
def shop_db(shop: Shop, empty_db: Database) -> Database:
    """The small shop's database, with the app's table and the derived ones."""
    with empty_db.begin() as connection:
        script(connection, APP)
    derived.ensure_tables(empty_db, shop.catalog)
    return empty_db


@pytest.fixture(scope="module")
def world_db(server: EmbeddedServer) -> Iterator[Database]:
    """One database for a whole file of random worlds."""
    from tests.worlds import database_of_worlds

    with database_of_worlds(server) as db:
        yield db


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The reporting zone, by `parametrize(..., indirect=True)`."""
    monkeypatch.setenv("ACLUE_TIMEZONE", request.param)
    get_settings.cache_clear()
    return request.param
