"""Nobody notices a deployment: whoever writes to the app's tables, or reads ours, goes on as if there were none."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors

from aclue_pipeline import schema
from aclue_pipeline.errors import AlreadyRunning, DeploymentIncomplete
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.change import How
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.session import session

pytestmark = pytest.mark.database

HELD = 1.5  # seconds that another transaction holds a table
NOTICED = 0.75  # far above what a busy test machine makes of 20 ms, far below HELD


@contextmanager
def open_transaction(url: str, statement: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url) as connection:
        connection.execute("set search_path = public")
        connection.execute(statement.encode())
        yield connection
        connection.rollback()


class Traffic:
    """Somebody who runs one statement after the other, each its own transaction, and remembers the longest."""

    def __init__(self, url: str, statement: str) -> None:
        self._url, self._statement, self.pid = url, statement, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.longest, self.count = 0.0, 0

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self.count > 10

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            self.pid = connection.info.backend_pid
            while not self._stop.is_set():
                began = time.monotonic()
                connection.execute(self._statement.encode())
                self.longest = max(self.longest, time.monotonic() - began)
                self.count += 1
                time.sleep(0.005)


class Deploying(threading.Thread):
    """A deployment beside the test; `result` raises what it raised."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database, self._error = Database(database.url), None
        self.start()

    def run(self) -> None:
        try:
            self._result = schema.deploy(self._database, give_up=timedelta(minutes=1))
        except Exception as error:  # handed to the test
            self._error = error
        finally:
            self._database.close()

    def result(self) -> schema.Deployment:
        self.join()
        if self._error is not None:
            raise self._error
        return self._result


def with_product(database: Database) -> None:
    with database.begin() as connection:
        script(connection, "insert into public.products (id, title) values (gen_random_uuid(), 'mug')")
        script(connection, "insert into auth.users (id, email) values (gen_random_uuid(), 'ann@example.com')")


def test_behind_a_long_transaction_on_products_no_writer_waits(app_db: Database) -> None:
    with_product(app_db)
    write = "update public.products set review_count = review_count + 1"
    signing_in = Traffic(app_db.url, "update auth.users set updated_at = now()")
    stocking = Traffic(app_db.url, "insert into public.products (title) values ('cup')")
    with signing_in as users, stocking as products:
        with open_transaction(app_db.url, write):
            deploying = Deploying(app_db)
            time.sleep(HELD)
            assert deploying.is_alive()
            with (
                app_db.begin() as connection
            ):  # what locks no foreign table is there long since, and keys to free tables too
                keys = query(
                    connection,
                    "select confrelid::regclass::text as of from pg_constraint where conname like 'affiliate_clicks_%_fkey'",
                )
            assert keys == [{"of": "auth.users"}]
        done = deploying.result()
    assert done.changed
    assert max(users.longest, products.longest) < NOTICED
    assert not schema.plan(app_db).changes


def test_where_auth_users_may_only_be_referenced_a_tiny_timeout_takes_the_place_of_nowait(
    databases, app_db: Database
) -> None:
    with_product(app_db)
    admin = databases.admin(app_db)
    with admin.begin() as connection:
        script(connection, "revoke all on auth.users from postgres; grant references on auth.users to postgres")
        if connection.dialect.server_version_info >= (17,):
            script(connection, "revoke maintain on auth.users from postgres")
    with Traffic(admin.url, "update auth.users set updated_at = now()") as users:
        with open_transaction(admin.url, "update auth.users set role = 'x' where false"):
            deploying = Deploying(app_db)
            time.sleep(HELD)
            assert deploying.is_alive()
        assert deploying.result().changed
    assert users.longest < NOTICED


def test_giving_up_says_who_was_in_the_way_and_the_next_run_goes_on(app_db: Database) -> None:
    with_product(app_db)
    with open_transaction(app_db.url, "update products set rating = 1") as other:
        pid = other.info.backend_pid
        said = rf"deployed, keys pending: .*product_id_fkey.*pid {pid}, which holds public.products since 20..-"
        with pytest.raises(DeploymentIncomplete, match=said):
            schema.deploy(app_db, give_up=timedelta(seconds=0.3))
        todo = schema.plan(app_db)
        assert todo.missing == ()
        assert {step.locks[-1][0] for step in todo.steps if step.locks} == {"public.products"}
    assert schema.deploy(app_db).changed
    assert not schema.plan(app_db).changes


@pytest.mark.parametrize(
    "repair",
    [
        "drop policy product_views_read_own on product_views",
        pytest.param("drop trigger user_preferences_touch_updated_at on user_preferences", marks=pytest.mark.slow),
    ],
)
def test_altering_a_table_in_use_stops_neither_readers_nor_writers(app_db: Database, repair: str) -> None:
    table = repair.split()[-1]
    schema.deploy(app_db)
    with app_db.begin() as connection:
        script(connection, f"set local search_path = public; {repair}")
    reading = Traffic(app_db.url, f"select count(*) from public.{table}")
    writing = Traffic(app_db.url, f"delete from public.{table}")
    with reading as reads, writing as writes:
        with open_transaction(app_db.url, f"delete from {table}"):
            deploying = Deploying(app_db)
            time.sleep(HELD)
            assert deploying.is_alive()
        assert deploying.result().changed
    assert max(reads.longest, writes.longest) < NOTICED


@pytest.mark.slow
def test_rolling_back_and_restoring_wait_for_nobody_and_purging_for_a_free_moment(app_db: Database) -> None:
    schema.deploy(app_db)
    with_product(app_db)
    gone: list[tuple[str, ...]] = []
    reading = Traffic(app_db.url, "select count(*) from public.products")
    writing = Traffic(app_db.url, "update public.products set rating = 2 where false")
    signing_in = Traffic(app_db.url, "update auth.users set updated_at = now()")
    with reading as reads, writing as writes, signing_in as users:
        with open_transaction(app_db.url, "update products set rating = 3"):
            schema.rollback(app_db)
            schema.restore(app_db)
            schema.rollback(app_db)
            other = Database(app_db.url)
            thread = threading.Thread(target=lambda: gone.append(schema.purge(other)))
            thread.start()
            time.sleep(HELD)
            assert not gone
        thread.join()
        other.close()
    assert len(gone[0]) == 5
    assert max(reads.longest, writes.longest, users.longest) < NOTICED


def test_a_table_in_use_is_retired_in_a_free_moment(app_db: Database) -> None:
    schema.deploy(app_db)
    reading = Traffic(app_db.url, "select count(*) from public.product_views")
    with reading as reads, open_transaction(app_db.url, "delete from product_views"):
        with pytest.raises(
            DeploymentIncomplete, match=r"still to be done: retire public.product_views.*blocked by pid"
        ):
            schema.rollback(app_db, give_up=timedelta(seconds=0.3))
        assert reads.longest < NOTICED
    assert schema.rollback(app_db).tables == ("product_views",)
    assert len(schema.restore(app_db)) == 5


@pytest.mark.slow
def test_a_second_deployer_is_told_so(app_db: Database) -> None:
    with session(app_db) as pg:
        pid = pg.info.backend_pid
        with pytest.raises(AlreadyRunning, match=f"pid {pid}"):
            schema.deploy(Database(app_db.url))
    assert schema.deploy(app_db).changed


# --- as the server itself measures it ---------------------------------------------------------------------------------

LONG = 10  # milliseconds
OPEN = 3.0  # seconds
PEOPLE = "insert into auth.users (id, email) select gen_random_uuid(), n || '@example.com' from generate_series(0, 3) n"
GOODS = "insert into public.products (id, title) select gen_random_uuid(), 'mug ' || n from generate_series(0, 3) n"
SEEN = "insert into public.product_views (product_id, session_id) select id, 's' from public.products where title = 'mug {}'"
#: Every writer is on rows of its own: whoever waits, waits for a table.
APP = (
    *(f"update public.products set review_count = review_count + 1 where title = 'mug {n}'" for n in range(4)),
    *(f"update auth.users set updated_at = now() where email = '{n}@example.com'" for n in range(4)),
    "select count(*) from public.products",
    "select count(*) from auth.users",
)
VIEWS = (*(SEEN.format(n) for n in range(4)), *["select count(*) from public.product_views"] * 2)


def waits(
    server: EmbeddedServer, database: Database, load: Sequence[str], *work: tuple[Callable[[Database], object], str]
) -> list[float]:
    """Every wait of this load for a lock that the server logs as longer than LONG, in milliseconds, while each piece of work is done
    behind a transaction that has written to the table named with it and stays open."""
    as_superuser = server.url(database.name, SUPERUSER)
    with psycopg.connect(as_superuser, autocommit=True) as admin:
        for setting in ("log_lock_waits = on", f"deadlock_timeout = {LONG}"):
            admin.execute(f"alter database {database.name} set {setting}".encode())
    log = server.log.stat().st_size
    with ExitStack() as stack, ThreadPoolExecutor(1) as beside:
        traffic = [stack.enter_context(Traffic(as_superuser, statement)) for statement in load]
        for act, table in work:
            with open_transaction(as_superuser, f"delete from {table} where id is null"):
                doing = beside.submit(act, database)
                time.sleep(OPEN)
            doing.result()
    pids = {one.pid for one in traffic}
    said = re.findall(
        r"process (\d+) (?:acquired|still waiting for) .* after ([\d.]+) ms", server.log.read_bytes()[log:].decode()
    )
    return sorted(float(took) for pid, took in said if int(pid) in pids)


def plainly(database: Database) -> None:
    with pytest.raises(errors.LockNotAvailable), psycopg.connect(database.url) as connection:
        connection.execute("set lock_timeout = '200ms'; lock table public.products")


@pytest.mark.slow
def test_the_app_waits_for_no_lock_whatever_is_done_behind_a_long_transaction(
    server: EmbeddedServer, app_db: Database
) -> None:
    with app_db.begin() as connection:
        script(connection, f"{PEOPLE}; {GOODS}")
    assert max(waits(server, app_db, APP, (plainly, "products"))) > 150
    assert waits(server, app_db, APP, (schema.deploy, "products")) == []
    with app_db.begin() as connection:
        script(
            connection,
            """
            alter table public.product_views drop constraint product_views_product_id_fkey, drop constraint product_views_pkey;
            alter table public.affiliate_clicks drop constraint affiliate_clicks_user_id_fkey;
            """,
        )
    work = [schema.deploy, schema.rollback, schema.restore, schema.rollback, schema.purge]
    behind = ["products", "auth.users", "products", "products", "products"]
    assert waits(server, app_db, APP, *zip(work, behind, strict=True)) == []
    assert len(schema.plan(app_db).missing) == 5


@pytest.mark.slow
def test_who_reads_and_writes_product_views_waits_for_no_lock_while_it_is_mended(
    server: EmbeddedServer, schema_db: Database
) -> None:
    with schema_db.begin() as connection:
        script(
            connection,
            f"""
            {PEOPLE}; {GOODS};
            drop policy product_views_read_own on public.product_views;
            drop index public.idx_product_views_product;
            create policy extra on public.product_views for select to anon using (true);
            grant select on public.product_views to anon;
            alter table public.product_views no force row level security, disable row level security,
                drop constraint product_views_pkey, drop constraint product_views_view_position_check,
                drop constraint product_views_product_id_fkey, alter column session_id drop not null;
            """,
        )
    assert waits(server, schema_db, VIEWS, (schema.deploy, "product_views")) == []
    assert not schema.plan(schema_db).changes


def test_no_index_is_built_under_a_lock_also_where_a_table_was_empty_at_planning(schema_db: Database) -> None:
    with schema_db.begin() as connection:
        whole = schema.fingerprint(connection)
        script(
            connection,
            """
            do $$ declare one record; begin
                for one in
                    select format('alter table %s drop constraint %I cascade', conrelid::regclass, conname) as said
                    from pg_constraint where contype in ('p', 'u') and conrelid::regclass::text = any(:tables)
                loop execute one.said; end loop;
                for one in
                    select format('drop index %s', indexrelid::regclass) as said
                    from pg_index where indrelid::regclass::text = any(:tables)
                loop execute one.said; end loop;
            end $$;
            create policy extra on public.product_views for select to anon using (true)
            """.replace(":tables", f"array{list(table_names())}"),
        )
    building = re.compile(r"create (unique )?index|primary key \(|unique \(", re.IGNORECASE)
    made = [step for step in schema.plan(schema_db).steps if building.search(step.script)]
    assert len(made) > 30
    assert all(step.how == How.BUILD and " concurrently " in step.script.lower() for step in made)
    came: list[str] = []

    def somebody_comes(line: str) -> None:
        if not came:
            with Database(schema_db.url).begin() as connection:
                script(connection, f"{GOODS}; {SEEN.format(0)}")
        came.append(line)

    assert schema.deploy(schema_db, progress=somebody_comes).fingerprint == whole
    assert came[0].startswith("policy product_views.extra")
