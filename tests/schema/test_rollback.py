"""Rolling back drops what was deployed and nothing else, and never rows unasked."""

import re
import threading
import time

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import DependentsExist, MissingPrivilege, NothingFound, RowsExist
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.schema.scripts import table_names
from tests.support.catalogs import CATALOG

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
    assert schema.rollback(app_db, CATALOG) == table_names()
    assert there(app_db) == set()
    assert schema.rollback(app_db, CATALOG) == ()
    assert schema.deploy(app_db).fingerprint == first.fingerprint


def test_one_table_goes_alone_with_its_own_functions(app_db: Database) -> None:
    schema.deploy(app_db)
    before = there(app_db)
    assert schema.rollback(app_db, CATALOG, ["recommendation_feedback"]) == ("recommendation_feedback",)
    assert before - there(app_db) == {"recommendation_feedback", "aclue_was_recommended_to_caller"}
    assert schema.deploy(app_db).changed
    assert there(app_db) == before


def test_rows_are_never_dropped_unasked(app_db: Database) -> None:
    schema.deploy(app_db)
    with app_db.begin() as connection:
        script(connection, "insert into public.session_analytics (session_id, landing_page) values ('s', '/')")
    before = there(app_db)
    with pytest.raises(RowsExist, match=r"session_analytics holds rows.*--discard-data"):
        schema.rollback(app_db, CATALOG)
    assert there(app_db) == before
    assert schema.rollback(app_db, CATALOG, discard_data=True) == table_names()
    assert there(app_db) == set()


def test_a_row_that_comes_meanwhile_is_not_dropped(app_db: Database) -> None:
    schema.deploy(app_db)
    before = fingerprint(app_db)
    other, failed = Database(app_db.url), []

    def roll_back() -> None:
        try:
            schema.rollback(app_db, CATALOG, ["session_analytics"])
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


#: What others may rest on, or hang on, product_views: how it is made, how it is named, how it is taken away again.
OTHERS = {
    "a view": ("create view public.report as select * from public.product_views", "view public.report"),
    "a view in a schema of ours": (
        "create schema staging; create view staging.mine as select * from public.product_views",
        "view staging.mine",
    ),
    "a view on a view of ours": (
        """create schema staging; create view staging.views as select * from public.product_views;
           create view public.report as select * from staging.views""",
        "view public.report",
    ),
    "a materialised view": (
        "create materialized view public.report as select * from public.product_views",
        "materialized view public.report",
    ),
    "a foreign key": (
        "create table public.notes (id int, view uuid constraint of_a_view references public.product_views)",
        "table constraint of_a_view on public.notes",
    ),
    "a function": (
        "create function public.seen() returns bigint begin atomic select count(*) from public.product_views; end",
        "function public.seen()",
    ),
    "a function on its rows": (
        "create function public.age(v public.product_views) returns interval return now() - v.view_timestamp",
        "function public.age(public.product_views)",
    ),
    "a column of its type": ("create table public.notes (seen public.product_views)", "table column public.notes.seen"),
    "a child": ("create table public.archive () inherits (public.product_views)", "table public.archive"),
    "a rule": (
        "create rule silent as on delete to public.product_views do instead nothing",
        "rule silent on public.product_views",
    ),
    "a trigger": (
        """create trigger hook after insert on public.product_views for each row
           execute function public.update_updated_at_column()""",
        "trigger hook on public.product_views",
    ),
    "a policy": ("create policy mine on public.product_views to anon using (false)", "policy mine on public.product_views"),
    "a policy on another table": (
        """create table public.notes (id int); create policy seen on public.notes
           using (exists (select from public.product_views))""",
        "policy seen on public.notes",
    ),
    "a constraint": (
        "alter table public.product_views add constraint mine check (view_position < 1000)",
        "table constraint mine on public.product_views",
    ),
    "an index": ("create index mine on public.product_views (created_at)", "index public.mine"),
    "statistics": (
        "create statistics public.mine on product_id, user_id from public.product_views",
        "statistics object public.mine",
    ),
    "a publication": (
        "create publication changes for table public.product_views",
        "publication relation public.product_views in publication changes",
    ),
    "a sequence": ("create sequence public.numbers owned by public.product_views.view_position", "sequence public.numbers"),
}  # fmt: skip


@pytest.mark.parametrize(("made", "named"), OTHERS.values(), ids=OTHERS.keys())
def test_what_others_made_of_it_is_named_and_nothing_is_dropped(
    schema_db: Database, databases, made: str, named: str
) -> None:
    with schema_db.begin() as connection:
        script(connection, made)
    before = there(schema_db), fingerprint(schema_db)
    with pytest.raises(DependentsExist) as refused:
        schema.rollback(schema_db, CATALOG, ["product_views"], discard_data=True)
    said = str(refused.value)
    assert said.startswith(f"nothing was dropped, since {named} ")
    assert (there(schema_db), fingerprint(schema_db)) == before


def test_partitions_are_named(schema_db: Database) -> None:
    with schema_db.begin() as connection:
        script(connection, """
            drop table public.product_views;
            create table public.product_views (product_id uuid, session_id text, view_timestamp timestamptz) partition by list (session_id);
            create table public.today partition of public.product_views for values in ('s');
            """)  # fmt: skip
    with pytest.raises(DependentsExist, match=r"table public\.today"):
        schema.rollback(schema_db, CATALOG, ["product_views"])


def test_who_uses_a_function_of_ours_is_named(schema_db: Database) -> None:
    with schema_db.begin() as connection:
        script(connection, """
            create table public.notes (updated_at timestamptz);
            create trigger touch before update on public.notes for each row execute function public.aclue_touch_updated_at();
            """)  # fmt: skip
    assert schema.rollback(schema_db, CATALOG, ["product_views"]) == ("product_views",)  # the function stays
    with pytest.raises(DependentsExist, match=r"since trigger touch on public\.notes is not ours"):
        schema.rollback(schema_db, CATALOG)


def test_everything_is_named_at_once(schema_db: Database) -> None:
    with schema_db.begin() as connection:
        script(connection, """
            create view public.report as select * from public.product_views;
            create materialized view public.summary as select count(*) from public.report;
            create table public.notes (id int, view uuid constraint of_a_view references public.product_views);
            """)  # fmt: skip
    with pytest.raises(DependentsExist) as refused:
        schema.rollback(schema_db, CATALOG, ["product_views"])
    for named in (
        "materialized view public.summary",
        "view public.report",
        "table constraint of_a_view on public.notes",
    ):
        assert named in str(refused.value)


def test_a_view_that_comes_meanwhile_is_not_dropped_along(schema_db: Database) -> None:
    other, failed = Database(schema_db.url), []

    def roll_back() -> None:
        try:
            schema.rollback(schema_db, CATALOG, ["product_views"])
        except DependentsExist as error:
            failed.append(str(error))

    with other.begin() as connection:  # not committed, so not yet seen
        script(connection, "create view public.report as select * from public.product_views")
        thread = threading.Thread(target=roll_back)
        thread.start()
        time.sleep(0.5)
    thread.join()
    other.close()
    assert "view public.report depends on table public.product_views and came meanwhile" in failed[0]
    assert "product_views" in there(schema_db)


def test_our_own_views_go_along_and_are_named(schema_db: Database) -> None:
    with schema_db.begin() as connection:
        script(connection, """
            create schema staging; create view staging.views as select * from public.product_views;
            create view staging.swipes as select * from staging.views;
            """)  # fmt: skip
    done: list[str] = []
    assert schema.rollback(schema_db, CATALOG, ["product_views"], progress=done.append) == ("product_views",)
    assert "drop table product_views, with staging.swipes, staging.views … done" in done


def test_who_cannot_see_the_rows_is_told_so_and_drops_nothing(schema_db: Database, databases) -> None:
    """An owner whom row level security is forced upon reads 0 rows."""
    admin = databases.admin(schema_db)
    with admin.begin() as connection:
        script(connection, """
            insert into public.session_analytics (session_id, landing_page) values ('s', '/');
            alter table public.session_analytics force row level security;
            create role shortsighted login password 'shortsighted' in role anon;
            grant usage on schema auth to shortsighted; grant create on schema public to shortsighted;
            alter table public.session_analytics owner to shortsighted;
            """)  # fmt: skip
    weak = Database(re.sub("//.*@", "//shortsighted:shortsighted@", schema_db.url))
    try:
        with pytest.raises(MissingPrivilege, match="row level security hides rows of session_analytics from this role"):
            schema.rollback(weak, CATALOG, ["session_analytics"])
        assert "session_analytics" in there(schema_db)
    finally:
        weak.close()
        with admin.begin() as connection:
            script(connection, """
                alter table public.session_analytics owner to postgres;
                drop owned by shortsighted; drop role shortsighted
                """)  # fmt: skip


def test_a_name_that_is_none_of_ours(app_db: Database) -> None:
    with pytest.raises(NothingFound, match="products is none of the deployed tables"):
        schema.rollback(app_db, CATALOG, ["products"])
