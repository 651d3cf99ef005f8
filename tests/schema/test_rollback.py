"""Rolling back drops what was deployed and nothing else, and never rows unasked."""

import threading
import time

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import DependentsExist, NothingFound, RowsExist
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.schema.scripts import table_names

pytestmark = pytest.mark.database


def there(database: Database) -> set[str]:
    with database.begin() as connection:
        tables = "select relname as name from pg_class where relkind = 'r' and relname = any(:names)"
        rows = query(connection, tables, names=list(table_names()))
        functions = query(connection, "select proname as name from pg_proc where proname like 'aclue%'")
    return {row["name"] for row in rows + functions}


def fingerprint(database: Database) -> str:
    with database.begin() as connection:
        return schema.fingerprint(connection)


def test_all_of_it_goes_and_can_come_again(app_db: Database) -> None:
    first = schema.deploy(app_db)
    assert schema.rollback(app_db) == table_names()
    assert there(app_db) == set()
    assert schema.rollback(app_db) == ()
    assert schema.deploy(app_db).fingerprint == first.fingerprint


def test_one_table_goes_alone_with_its_own_functions(app_db: Database) -> None:
    schema.deploy(app_db)
    before = there(app_db)
    assert schema.rollback(app_db, ["recommendation_feedback"]) == ("recommendation_feedback",)
    assert before - there(app_db) == {"recommendation_feedback", "aclue_is_recommended_to_caller"}
    assert schema.deploy(app_db).changed
    assert there(app_db) == before


def test_rows_are_never_dropped_unasked(app_db: Database) -> None:
    schema.deploy(app_db)
    with app_db.begin() as connection:
        script(connection, "insert into public.session_analytics (session_id, landing_page) values ('s', '/')")
    before = there(app_db)
    with pytest.raises(RowsExist, match=r"session_analytics holds rows.*--discard-data"):
        schema.rollback(app_db)
    assert there(app_db) == before
    assert schema.rollback(app_db, discard_data=True) == table_names()
    assert there(app_db) == set()


def test_a_row_that_comes_meanwhile_is_not_dropped(app_db: Database) -> None:
    schema.deploy(app_db)
    before = fingerprint(app_db)
    other, failed = Database(app_db.url), []

    def roll_back() -> None:
        try:
            schema.rollback(app_db, ["session_analytics"])
        except RowsExist as error:
            failed.append(str(error))

    with other.begin() as connection:  # not committed, so not yet seen
        script(connection, "insert into public.session_analytics (session_id, landing_page) values ('s', '/')")
        thread = threading.Thread(target=roll_back)
        thread.start()
        time.sleep(0.5)
    thread.join()
    other.close()
    assert "session_analytics was written to meanwhile" in failed[0]
    assert fingerprint(app_db) == before


def test_somebody_elses_view_is_not_dropped_along_but_ours_is(app_db: Database) -> None:
    schema.deploy(app_db)
    with app_db.begin() as connection:
        script(connection, "create schema staging; create view staging.views as select * from public.product_views")
        script(connection, "create view public.report as select * from public.product_views")
    with pytest.raises(DependentsExist, match="report"):
        schema.rollback(app_db, ["product_views"])
    with app_db.begin() as connection:
        script(connection, "drop view public.report")
    assert schema.rollback(app_db, ["product_views"]) == ("product_views",)


def test_a_name_that_is_none_of_ours(app_db: Database) -> None:
    with pytest.raises(NothingFound, match="products is none of the deployed tables"):
        schema.rollback(app_db, ["products"])
