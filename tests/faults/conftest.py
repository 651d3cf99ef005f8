"""A server to restart and to fill: its data, and nothing else, on a small disk in memory where one can be mounted. In it a small shop
with a past and something new, so that each job has something to do."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import dagster as dg
import psycopg
import pytest

from aclue_pipeline import derived, schema
from aclue_pipeline.definitions import build_defs
from aclue_pipeline.defs import steps
from aclue_pipeline.defs.timetable import RANGE_END, RANGE_START
from aclue_pipeline.demo.load import load
from aclue_pipeline.postgres import Database, connection
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.settings import get_settings
from tests.conftest import FAST, Databases, _memory
from tests.support.catalogs import CATALOG
from tests.support.published import NUMBERS, YESTERDAY

#: The last month that is over: it is closed.
MONTH = (YESTERDAY.replace(day=1) - timedelta(days=1)).replace(day=1)

_MEGABYTES = 600

#: Of all that FAST leaves out, this loses what was committed in the last moment, where the server crashes.
_SMALL = FAST | {"synchronous_commit": "on", "max_wal_size": "64MB", "min_wal_size": "32MB", "shared_buffers": "32MB"}


class Small:
    def __init__(self, home: Path, mounted: bool) -> None:
        self.home, self.mounted = home, mounted
        self.server = EmbeddedServer(home, None, _SMALL)
        self.server.start()
        self.databases = Databases(self.server)

    def restart(self, mode: str = "fast") -> None:
        self.server._pg_ctl("restart", "-w", "-m", mode, "-l", str(self.server.log))

    def crash(self) -> None:
        self.restart("immediate")

    def ask(self, sql: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url(database, SUPERUSER), autocommit=True) as pg:
            return pg.execute(sql.encode(), values or None).fetchall()

    @contextmanager
    def full(self) -> Iterator[Callable[[], None]]:
        """What fills the disk; at the end of the block there is room again."""
        if not self.mounted:
            pytest.skip("no disk can be mounted here, which only root may do")
        filler = self.home / "filler"

        def fill() -> None:
            free = os.statvfs(self.home)
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)

        try:
            yield fill
        finally:
            filler.unlink(missing_ok=True)

    def nobody_left(self, name: str) -> bool:
        """Whether no session of the database does or holds anything."""
        return not self.ask(
            """select from pg_database d join pg_stat_activity a on a.datid = d.oid where d.datname = %s and (a.state <> 'idle'
                   or exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory'))""",
            name,
        )


@pytest.fixture(scope="session")
def small() -> Iterator[Small]:
    home = Path(tempfile.mkdtemp(prefix="aclue-tests-", dir=_memory()))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m,mode=700", "aclue-tests", home]
    mounted = shutil.which("mount") is not None and not subprocess.run(mount, capture_output=True).returncode
    try:
        small = Small(home, mounted)
        yield small
        small.databases.close()
        small.server.stop()
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", home], check=True)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def shop(small: Small) -> str:
    """A template: a week of a small demo, taken in; the month before, published in the one table that closing it needs; a late click and
    an erased user."""
    small.databases._build("deployed")
    small.server.create_database("shop", template="deployed")
    with _set("ACLUE_FIRST_DAY", str(MONTH)):
        db = Database(small.server.url("shop"))
        load(db, users=20, days=6)
        with db.psycopg() as pg:
            pg.execute(
                """update public.affiliate_clicks set is_converted = true, actual_commission = 5, order_id = 'past',
                       click_timestamp = %(day)s, conversion_timestamp = %(day)s::timestamptz + interval '1 hour'
                   where id = (select min(id::text)::uuid from public.affiliate_clicks)""",
                {"day": MONTH + timedelta(days=3)},
            )
        derived.sync(db, CATALOG)
        derived.replace_days(db, CATALOG, CATALOG.table("commission_daily"), MONTH, YESTERDAY)
        with db.psycopg() as pg:
            pg.execute(
                """insert into public.affiliate_clicks (anonymous_id, session_id, product_id, source_page, affiliate_network,
                       affiliate_url, expected_commission, click_timestamp)
                   select 'late', 'late', p.id, 'search', 'awin', 'https://shop.example/', 1, %s from public.products p limit 2""",
                [YESTERDAY],
            )
        db.close()
    erased = "delete from auth.users where id = (select min(id::text)::uuid from auth.users) returning id"
    small.ask(erased, database="shop")
    return "shop"


@contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def _at_once(small: Small, shop: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(steps, "RETRY_SECONDS", 0)
    with _set("ACLUE_FIRST_DAY", str(MONTH)):
        yield
    small.databases.close()
    small.databases = Databases(small.server)


# --- the moment -------------------------------------------------------------------------------------------------------


class Statements:
    """Counts what aclue sends; before or while the n-th of them runs, something happens."""

    def __init__(self, small: Small) -> None:
        self._small, self.sent, self._at, self._while = small, 0, 0, False
        self._happens: Callable[[], object] = lambda: None
        self._send = connection._Signing.execute

    def before(self, number: int, happens: Callable[[], object]) -> None:
        self.sent, self._at, self._happens, self._while = 0, number, happens, False

    def during(self, number: int, happens: Callable[[], object]) -> None:
        """What happens must end the connection."""
        self.before(number, happens)
        self._while = True

    def execute(self, cursor: psycopg.Cursor[Any], query: Any, *values: Any, **how: Any) -> Any:
        if query != ";":  # by which the pool asks whether a connection lives
            self.sent += 1
            if self.sent == self._at:
                self._at = 0
                if self._while and not cursor.connection.pgconn.pipeline_status:
                    self._in_the_middle(cursor)
                self._happens()
        return self._send(cursor, query, *values, **how)

    def _in_the_middle(self, cursor: psycopg.Cursor[Any]) -> None:
        thread = Thread(target=self._once_it_sleeps)
        thread.start()
        try:
            self._send(cursor, "select pg_sleep(60)")
        finally:
            thread.join()

    def _once_it_sleeps(self) -> None:
        end = monotonic() + 50  # before it wakes by itself: then nothing happens, and the test says so
        while not self._small.ask("select from pg_stat_activity where query like 'select pg_sleep(60)%'"):
            assert monotonic() < end
        self._happens()


@pytest.fixture
def statements(small: Small, monkeypatch: pytest.MonkeyPatch) -> Statements:
    statements = Statements(small)
    monkeypatch.setattr(
        connection._Signing, "execute", lambda cursor, *arguments, **how: statements.execute(cursor, *arguments, **how)
    )
    return statements


# --- the work ---------------------------------------------------------------------------------------------------------


@cache
def jobs() -> dict[str, dg.JobDefinition]:
    """Built once for all tests."""
    return {job.name: job for job in build_defs(CATALOG).resolve_all_job_defs()}


class Work:
    """A job on a copy of the shop; of a deployment, on one where nothing is deployed."""

    def __init__(self, small: Small, job: str, instance: dg.DagsterInstance) -> None:
        self.small, self.job, self.instance, self.began = small, job, instance, datetime.now(UTC)
        self.db = small.databases.copy("app_a" if job == "deploy_schema" else "shop")
        self.arguments: dict[str, Any] = {}
        if job in ("restore_schema", "purge_schema"):
            schema.rollback(self.db)
        if job in ("deploy_schema", "rollback_schema", "restore_schema", "purge_schema"):
            config = {"database": self.db.name, **({"discard_data": True} if job == "purge_schema" else {})}
            self.arguments["run_config"] = {"ops": {job.removesuffix("_schema"): {"config": config}}}
        if job == "rebuild_revenue_and_funnel":
            self.arguments["tags"] = {RANGE_START: str(YESTERDAY), RANGE_END: str(YESTERDAY)}

    def run(self) -> dg.ExecuteInProcessResult:
        with _set("ACLUE_DATABASE_URL", self.db.url):
            return jobs()[self.job].execute_in_process(instance=self.instance, raise_on_error=False, **self.arguments)

    def left(self) -> dict[str, list[str]]:
        """All rows in the tables of the app and ours, but for times since it began and what is drawn or numbered."""
        tables = self.small.ask(
            """select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
               and (n.nspname in ('public', 'analytics', 'history', 'staging', 'pipeline') or starts_with(n.nspname, 'aclue'))""",
            database=self.db.name,
        )
        return {
            table: sorted(
                str({column: self._plain(value) for column, value in row.items() if column not in OTHERS})
                for (row,) in self.small.ask(f"select to_jsonb(t) from {table} t", database=self.db.name)
            )
            for (table,) in tables
            if table not in OTHERS
        }

    def _plain(self, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > 10**12:
            return "drawn"
        is_time = isinstance(value, str) and re.match(r"20\d\d-\d\d-\d\dT", value)
        return "new" if is_time and datetime.fromisoformat(value) >= self.began else value


#: Tables and columns that say by which attempt or transaction.
OTHERS = {"pipeline.deployments", "pipeline.publications", "pipeline.secrets", "pipeline.syncs", *NUMBERS}
OTHERS |= {"analytics.table_sizes", "horizon", "replaced_by", "closing", "closed_by"}


def retried(result: dg.ExecuteInProcessResult) -> int:
    return sum(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [str(one.user_failure_data and one.user_failure_data.description) for one in failed]


@dataclass
class Undisturbed:
    """What each job leaves where nothing happens, and how many statements that takes; once for all tests."""

    small: Small
    known: dict[str, tuple[int, dict[str, list[str]]]] = field(default_factory=dict)

    def __call__(self, job: str, statements: Statements) -> tuple[int, dict[str, list[str]]]:
        if job not in self.known:
            with dg.DagsterInstance.ephemeral() as instance:
                work = Work(self.small, job, instance)
                statements.before(0, lambda: None)
                result = work.run()
                assert result.success, failures(result)
                self.known[job] = statements.sent, work.left()
        return self.known[job]


@pytest.fixture(scope="session")
def undisturbed(small: Small) -> Undisturbed:
    return Undisturbed(small)
