"""A first deployment as one file: by hand, by Supabase's own tools, again."""

import threading
import time
from pathlib import Path

import psycopg
import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import Drifted
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.schema import migration
from aclue_pipeline.settings import get_settings
from tests.support.command import said

pytestmark = pytest.mark.database


def run(database: Database, text: str) -> None:
    with database.autocommit() as connection:
        script(connection, text)


def test_it_makes_what_deploying_makes_and_can_be_run_again(app_db: Database, tmp_path: Path) -> None:
    path = migration.export(tmp_path)
    for _ in range(2):
        run(app_db, path.read_text())
        assert not schema.plan(app_db).changes


def test_behind_somebody_who_holds_products_it_waits_without_queueing(app_db: Database) -> None:
    with psycopg.connect(app_db.url) as other:
        other.execute("lock table public.products in row exclusive mode")
        thread = threading.Thread(target=run, args=(Database(app_db.url), migration.text()))
        thread.start()
        time.sleep(1.5)
        with psycopg.connect(app_db.url, autocommit=True) as writer:
            began = time.monotonic()
            writer.execute("update public.products set rating = 1")
            assert time.monotonic() - began < 0.75
        assert thread.is_alive()
    thread.join()
    assert not schema.plan(app_db).changes


def test_a_table_in_use_that_lacks_an_index_is_deploys_work(schema_db: Database) -> None:
    run(schema_db, "drop index public.idx_product_views_session")
    with pytest.raises(
        psycopg.errors.RaiseException, match="product_views is there and lacks indexes: run aclue deploy"
    ):
        run(schema_db, migration.text())


def test_it_is_marked_as_run_only_where_its_work_is_done(
    app_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    run(
        app_db,
        """create schema supabase_migrations;
           create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)""",
    )
    monkeypatch.setenv("ACLUE_DATABASE_URL", app_db.url)
    get_settings.cache_clear()
    assert said(capsys, "export", "supabase", str(tmp_path), "--mark", "--yes")[0] == Drifted.exit_code
    assert not list(tmp_path.iterdir())
    schema.deploy(app_db)
    code, out, _ = said(capsys, "export", "supabase", str(tmp_path), "--mark", "--yes")
    (path,) = tmp_path.iterdir()
    assert (code, out.strip()) == (0, str(path))
    with app_db.begin() as connection:
        marked = query(connection, "select version from supabase_migrations.schema_migrations")
    assert marked == [{"version": path.name.partition("_")[0]}]
