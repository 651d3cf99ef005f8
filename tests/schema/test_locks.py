"""Nobody notices a deployment: whoever writes to the app's tables, or reads ours, goes on as if there were none."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import AlreadyRunning, DeploymentIncomplete
from aclue_pipeline.postgres import Database, query, script
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
        self._url, self._statement = url, statement
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
        "drop trigger user_preferences_touch_updated_at on user_preferences",
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


def test_a_second_deployer_is_told_so(app_db: Database) -> None:
    with session(app_db) as pg:
        pid = pg.info.backend_pid
        with pytest.raises(AlreadyRunning, match=f"pid {pid}"):
            schema.deploy(Database(app_db.url))
    assert schema.deploy(app_db).changed
