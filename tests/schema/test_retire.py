"""Rolling back retires what was deployed, with every row, and nothing else; it comes back as it was."""

import pytest

from aclue_pipeline import derived, schema
from aclue_pipeline.errors import (
    DependentsExist,
    MissingPrivilege,
    NotAllowed,
    NothingFound,
    RowsExist,
    TableStands,
    VerificationFailed,
)
from aclue_pipeline.postgres import Database
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.retired import reading_retired
from tests.schema.conftest import fingerprint
from tests.support.catalogs import CATALOG
from tests.support.statements import ask, run

pytestmark = pytest.mark.database

USER = "11111111-1111-1111-1111-111111111111"
FILL = f"""
insert into auth.users (id, email) values ('{USER}', 'ann@example.com');
insert into public.products (id, title) values ('{USER}', 'mug');
insert into public.product_views (product_id, user_id, session_id) values ('{USER}', '{USER}', 's');
insert into public.user_preferences (user_id, total_swipes, right_swipes) values ('{USER}', 3, 1);
"""


def where(database: Database) -> dict[str, list[str]]:
    """The schemas that hold a table of each of our names."""
    rows = ask(
        database,
        f"""select relname, relnamespace::regnamespace::text as schema from pg_class
            where relkind in ('r', 'p') and relname in {declared().tables} order by 1, 2""",
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["relname"], []).append(row["schema"])
    return found


ALL = {key: ["public"] for key in declared().tables}


def test_all_rows_go_and_come_back_whole(schema_db: Database) -> None:
    run(schema_db, FILL)
    before, rows = fingerprint(schema_db), ask(schema_db, "select * from public.product_views")
    done = schema.rollback(schema_db)
    assert (done.schema, done.tables) == ("aclue_retired_1", declared().tables)
    assert where(schema_db) == {key: ["aclue_retired_1"] for key in ALL}
    assert ask(schema_db, "select * from aclue_retired_1.product_views") == rows
    assert schema.rollback(schema_db).tables == ()
    assert schema.restore(schema_db) == declared().tables
    assert where(schema_db) == ALL
    assert fingerprint(schema_db) == before
    assert ask(schema_db, "select * from public.product_views") == rows
    assert not ask(schema_db, "select from pg_namespace where nspname like 'aclue_retired%'")
    assert not schema.deploy(schema_db).changed


def test_retired_rows_are_closed_to_all_but_the_owner_and_their_user_can_still_be_deleted(
    databases, schema_db: Database
) -> None:
    admin = databases.admin(schema_db)
    run(
        admin,
        f"""{FILL} alter default privileges for role postgres grant all on schemas to anon, public;
            create role reader; grant usage on schema public to reader;
            grant select on public.product_views to reader with grant option;
            set local role reader; grant select on public.product_views to public; reset role""",
    )
    schema.rollback(schema_db)
    held = ask(
        schema_db,
        """select distinct pg_get_userbyid(grantee) as role from (
               select (aclexplode(nspacl)).grantee from pg_namespace where nspname like 'aclue_retired%'
               union all select (aclexplode(relacl)).grantee from pg_class where relnamespace = 'aclue_retired_1'::regnamespace
               union all select (aclexplode(attacl)).grantee from pg_attribute
                   where attrelid in (select oid from pg_class where relnamespace = 'aclue_retired_1'::regnamespace)
           ) held""",
    )
    assert held == [{"role": "postgres"}]
    run(admin, f"set local role supabase_auth_admin; delete from auth.users where id = '{USER}'")
    assert ask(schema_db, "select user_id from aclue_retired_1.product_views") == [{"user_id": None}]
    assert ask(schema_db, "select from aclue_retired_1.user_preferences") == []
    run(schema_db, f"delete from public.products where id = '{USER}'")
    assert ask(schema_db, "select from aclue_retired_1.product_views") == []
    run(admin, "drop owned by reader; drop role reader")


def test_a_table_of_another_owner_is_entered_by_it_for_the_keys(databases, schema_db: Database) -> None:
    admin = databases.admin(schema_db)
    run(
        admin,
        f"""{FILL} create role keeper; grant keeper to postgres; grant usage, create on schema public to keeper;
            alter table public.product_views owner to keeper""",
    )
    try:
        schema.rollback(schema_db, ["product_views"])
        run(schema_db, f"delete from auth.users where id = '{USER}'")
        assert ask(admin, "select user_id from aclue_retired_1.product_views") == [{"user_id": None}]
        schema.restore(schema_db)
        assert where(schema_db) == ALL
    finally:
        run(admin, "reassign owned by keeper to postgres; drop owned by keeper; drop role keeper")


def test_what_would_stop_a_user_from_being_deleted_retires_nothing(databases, schema_db: Database) -> None:
    """A trigger of the app's that reads our table."""
    run(
        databases.admin(schema_db),
        """create function public.seen() returns trigger language plpgsql as
               'begin delete from public.product_views where user_id = old.id; return old; end';
           create trigger seen before delete on auth.users for each row execute function public.seen()""",
    )
    with pytest.raises(
        VerificationFailed, match=r"no longer be deleted \(relation .public.product_views. does not exist"
    ):
        schema.rollback(schema_db, ["product_views"])
    assert where(schema_db) == ALL


def test_triggers_of_the_app_that_name_no_schema_are_tried_as_the_app_knows_them(
    databases, schema_db: Database
) -> None:
    run(
        databases.admin(schema_db),
        """create table public.profiles (id uuid primary key references auth.users on delete cascade);
           create function public.welcome() returns trigger security definer language plpgsql as
               'begin insert into profiles values (new.id); return new; end';
           create trigger on_auth_user_created after insert on auth.users for each row execute function public.welcome()""",
    )
    said: list[str] = []
    schema.rollback(schema_db, ["product_views"], progress=said.append)
    assert not any("not tried" in line for line in said)
    assert ask(databases.admin(schema_db), "select from public.profiles") == []


def test_where_no_user_can_be_made_it_says_so_and_goes_on(databases, schema_db: Database) -> None:
    run(databases.admin(schema_db), "revoke insert on auth.users from postgres")
    said: list[str] = []
    schema.rollback(schema_db, ["product_views"], progress=said.append)
    assert said[0].startswith("not tried: whether users and products can still be deleted (permission denied")
    assert where(schema_db)["product_views"] == ["aclue_retired_1"]


def test_each_rollback_has_its_number_and_restore_takes_the_last_or_the_named(schema_db: Database) -> None:
    assert schema.rollback(schema_db, ["product_views"]).schema == "aclue_retired_1"
    assert schema.rollback(schema_db, ["session_analytics"]).schema == "aclue_retired_2"
    with pytest.raises(NothingFound, match="the numbers are 1, 2"):
        schema.restore(schema_db, 3)
    assert schema.restore(schema_db) == ("session_analytics",)
    assert schema.restore(schema_db, 1) == ("product_views",)
    with pytest.raises(NothingFound, match="nothing is retired here"):
        schema.restore(schema_db)


def test_what_was_moved_stands_in_the_history_and_numbers_are_not_given_twice(schema_db: Database) -> None:
    schema.rollback(schema_db, ["product_views"])
    assert schema.purge(schema_db) == ("aclue_retired_1.product_views",)
    assert schema.rollback(schema_db, ["session_analytics"]).schema == "aclue_retired_2"
    schema.restore(schema_db)
    last, *others = schema.deployments(schema_db)
    assert [one["action"] for one in others[:3]] == ["rollback", "purge", "rollback"]
    assert (last["action"], last["before"] != last["after"]) == ("restore", True)
    assert list(last["outcome"].values()) == ["restore aclue_retired_2.session_analytics … done"]


def test_restoring_where_a_table_stands_is_refused_and_swap_retires_that_one(schema_db: Database) -> None:
    run(schema_db, FILL)
    schema.rollback(schema_db)
    schema.deploy(schema_db)
    with pytest.raises(TableStands, match=r"affiliate_clicks.* stand where it was.*--swap"):
        schema.restore(schema_db)
    assert schema.restore(schema_db, swap=True) == declared().tables
    assert where(schema_db) == {key: ["aclue_retired_2", "public"] for key in ALL}
    assert len(ask(schema_db, "select from public.product_views")) == 1
    assert ask(schema_db, "select from aclue_retired_2.product_views") == []
    assert not schema.deploy(schema_db).changed


def test_our_views_follow_the_name_when_it_changes_hands(databases) -> None:
    database = databases.copy("deployed")
    run(database, FILL)
    seen = "select count(*) as n from staging.views"
    schema.rollback(database)
    with database.psycopg() as pg:
        assert "view staging.views reads aclue_retired_1.product_views" in reading_retired(pg, declared().tables)
    schema.deploy(database)
    assert ask(database, seen) == [{"n": 0}]
    with database.psycopg() as pg:
        assert reading_retired(pg, declared().tables) == []
    schema.restore(database, swap=True)
    assert ask(database, seen) == [{"n": 1}]
    with database.psycopg() as pg:
        assert reading_retired(pg, declared().tables) == []
    assert derived.ensure_tables(database, CATALOG) == []


def test_a_view_whose_columns_cannot_follow_goes_and_the_next_job_makes_it_again(databases) -> None:
    database = databases.copy("deployed")
    schema.rollback(database, ["product_views"])
    schema.deploy(database)
    run(database, "alter table aclue_retired_1.product_views rename column view_position to place")
    schema.restore(database, swap=True)
    assert ask(database, "select to_regclass('staging.views') as there") == [{"there": None}]
    schema.deploy(database, allow=["loses-data:product_views.place"])
    assert any(str(change) == "staging.views: created" for change in derived.ensure_tables(database, CATALOG))


def test_a_view_that_reads_a_table_not_there_yet_goes_too(databases) -> None:
    database = databases.copy("deployed")
    schema.rollback(database)
    schema.deploy(database)
    schema.rollback(database, ["session_analytics"])
    schema.restore(database, 1, swap=True)
    with database.psycopg() as pg:
        assert reading_retired(pg, declared().tables) == []
    derived.ensure_tables(database, CATALOG)


def test_an_older_table_gets_the_rights_that_it_has_columns_for(schema_db: Database) -> None:
    run(schema_db, "alter table public.product_views drop column view_source")
    schema.rollback(schema_db, ["product_views"])
    schema.restore(schema_db)
    granted = """select has_column_privilege('anon', 'public.product_views', 'session_id', 'INSERT') as inserts,
                        has_table_privilege('service_role', 'public.product_views', 'SELECT, DELETE') as serves"""
    assert ask(schema_db, granted) == [{"inserts": True, "serves": True}]


def test_partitions_go_along(schema_db: Database) -> None:
    run(
        schema_db,
        """drop table public.product_views;
           create table public.product_views (product_id uuid, session_id text, view_timestamp timestamptz) partition by list (session_id);
           create table public.views_s partition of public.product_views for values in ('s');
           grant select on public.views_s to anon;
           insert into public.product_views values (null, 's', now())""",
    )
    schema.rollback(schema_db, ["product_views"])
    assert ask(schema_db, "select from aclue_retired_1.views_s")
    assert ask(schema_db, "select has_table_privilege('anon', 'aclue_retired_1.views_s', 'SELECT') as may") == [
        {"may": False}
    ]
    schema.restore(schema_db)
    assert ask(schema_db, "select from public.product_views") == ask(schema_db, "select from public.views_s") != []


# --- others -----------------------------------------------------------------------------------------------------------


def test_keys_of_others_need_a_persons_word(schema_db: Database) -> None:
    run(schema_db, "create table public.notes (id int, view uuid constraint of_a_view references public.product_views)")
    with pytest.raises(NotAllowed, match=r"roll back with --allow drops:notes\.of_a_view"):
        schema.rollback(schema_db)
    assert where(schema_db) == ALL
    schema.rollback(schema_db, allow=["drops:notes.of_a_view"])
    assert ask(schema_db, "select from pg_constraint where conname = 'of_a_view'") == []


#: What others may make of product_views, and whether it stops answering when that is retired.
OTHERS = {
    "view public.theirs": ("create view public.theirs as select * from public.product_views", False),
    "view public.invoked": (
        "create view public.invoked with (security_invoker) as select * from public.product_views",
        True,
    ),
    "view public.above": (
        """create view public.below with (security_invoker) as select * from public.product_views;
           create view public.above with (security_invoker = on) as select * from public.below""",
        True,
    ),
    "view public.alien": (
        """grant select on public.product_views to service_role; create view public.alien as select * from public.product_views;
           alter view public.alien owner to service_role""",
        True,
    ),
    "policy seen on public.guarded": (
        """create table public.guarded (id int); create policy seen on public.guarded
           using (exists (select from public.product_views))""",
        True,
    ),
    "function public.counted()": (
        "create function public.counted() returns bigint begin atomic select count(*) from public.product_views; end",
        True,
    ),
}


def test_what_will_stop_answering_is_named_beforehand_and_stays_attached(databases, schema_db: Database) -> None:
    run(
        databases.admin(schema_db),
        "grant create on schema public to service_role; grant service_role to postgres; set local role postgres; "
        + "; ".join(made for made, _ in OTHERS.values()),
    )
    stops = set(schema.retirement(schema_db, ["product_views"]).stops)
    assert stops & set(OTHERS) == {name for name, (_, stops) in OTHERS.items() if stops}
    schema.rollback(schema_db, ["product_views"])
    assert ask(schema_db, "select count(*) as n from public.theirs") == [{"n": 0}]
    schema.restore(schema_db)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_name_that_is_none_of_ours(schema_db: Database) -> None:
    with pytest.raises(NothingFound, match="products is none of the deployed tables"):
        schema.rollback(schema_db, ["products"])


def test_a_role_that_may_not_create_the_schema_is_told_the_grant(databases, schema_db: Database) -> None:
    run(databases.admin(schema_db), f"revoke create on database {schema_db.name} from postgres")
    with pytest.raises(MissingPrivilege, match=f"grant create on database {schema_db.name} to postgres"):
        schema.rollback(schema_db)
    assert any(
        f"grant create on database {schema_db.name} to postgres" in note for note in schema.deploy(schema_db).notes
    )


def test_a_table_of_somebody_else_is_not_moved(databases, schema_db: Database) -> None:
    run(databases.admin(schema_db), "alter table public.product_views owner to supabase_admin")
    with pytest.raises(MissingPrivilege, match=r"does not own public.product_views.*supabase_admin"):
        schema.rollback(schema_db)
    assert where(schema_db) == ALL


# --- purging ----------------------------------------------------------------------------------------------------------


def test_rows_are_never_dropped_unasked(schema_db: Database) -> None:
    run(schema_db, FILL)
    schema.rollback(schema_db)
    with pytest.raises(RowsExist, match=r"product_views, aclue_retired_1\.user_preferences hold rows.*--discard-data"):
        schema.purge(schema_db)
    assert where(schema_db) == {key: ["aclue_retired_1"] for key in ALL}
    assert len(schema.purge(schema_db, 1, discard_data=True)) == 5
    assert where(schema_db) == {}
    assert not ask(schema_db, "select from pg_namespace where nspname like 'aclue_retired%'")
    assert schema.purge(schema_db) == ()
    assert schema.deploy(schema_db).changed


def test_rows_that_row_level_security_hides_are_not_taken_for_none(databases, schema_db: Database) -> None:
    admin = databases.admin(schema_db)
    run(admin, f"{FILL} alter role postgres nobypassrls; alter table public.product_views force row level security")
    try:
        schema.rollback(schema_db, ["product_views"])
        with pytest.raises(MissingPrivilege, match="row level security hides rows"):
            schema.purge(schema_db)
    finally:
        run(admin, "alter role postgres bypassrls")
    assert where(schema_db)["product_views"] == ["aclue_retired_1"]


STANDING = {
    "view public.report": "create view public.report as select * from public.product_views",
    "materialized view public.summary": """create view public.above as select * from public.product_views;
        create materialized view public.summary as select * from public.above""",
    "function public.age(aclue_retired_1.product_views)": """create function public.age(v public.product_views) returns interval
        return now() - v.view_timestamp""",
    "table column public.notes.seen": "create table public.notes (seen public.product_views)",
    "table public.archive": "create table public.archive () inherits (public.product_views)",
    "policy seen on public.guarded": """create table public.guarded (id int); create policy seen on public.guarded
        using (exists (select from public.product_views))""",
}


def test_what_others_built_on_it_is_named_and_nothing_is_dropped(schema_db: Database) -> None:
    run(schema_db, "; ".join(STANDING.values()))
    schema.rollback(schema_db, ["product_views"])
    with pytest.raises(DependentsExist, match=r"^nothing was dropped, since .* not ours") as refused:
        schema.purge(schema_db)
    assert [name for name in STANDING if name not in str(refused.value)] == []
    assert where(schema_db)["product_views"] == ["aclue_retired_1"]


def test_what_goes_along_is_named_and_our_own_views_go(databases) -> None:
    database = databases.copy("deployed")
    run(
        database,
        """create index mine on public.product_views (created_at); create policy mine on public.product_views to anon using (false);
           create publication changes for table public.product_views""",
    )
    schema.rollback(database, ["product_views"])
    said: list[str] = []
    schema.purge(database, progress=said.append)
    assert "goes along: index aclue_retired_1.mine" in said
    assert "goes along: policy mine on aclue_retired_1.product_views" in said
    assert len([line for line in said if line.startswith("goes along")]) == 3
    assert any("drop table aclue_retired_1.product_views, with staging.views … done" in line for line in said)


# --- stopped half-way -------------------------------------------------------------------------------------------------


class Stopped(Exception):
    pass


def test_a_swap_that_was_stopped_half_way_goes_on_with_what_it_was_bringing_back(schema_db: Database) -> None:
    run(schema_db, FILL)
    schema.rollback(schema_db)
    schema.deploy(schema_db)
    moved: list[str] = []

    def stop(line: str) -> None:
        moved.append(line)
        if len(moved) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        schema.restore(schema_db, swap=True, progress=stop)
    with pytest.raises(TableStands):
        schema.restore(schema_db)
    assert len(schema.restore(schema_db, swap=True)) == 3
    assert where(schema_db) == {key: ["aclue_retired_2", "public"] for key in ALL}
    assert len(ask(schema_db, "select from public.product_views")) == 1
    assert schema.restore(schema_db, swap=True) == declared().tables  # a new one
