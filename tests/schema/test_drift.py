"""Whatever somebody changed by hand is seen, and mended unless that would destroy something."""

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import VerificationFailed
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.schema.objects import How
from aclue_pipeline.schema.scripts import table_names

pytestmark = pytest.mark.database

MENDED = {
    "a column's default": "alter table affiliate_clicks alter column is_converted set default true",
    "a default dropped": "alter table user_preferences alter column similarity_threshold drop default",
    "NOT NULL dropped": "alter table product_views alter column session_id drop not null",
    "NOT NULL added": "alter table product_views alter column user_id set not null",
    "a column dropped": "alter table session_analytics drop column utm_term",
    "a CHECK dropped": "alter table affiliate_clicks drop constraint affiliate_clicks_converted_has_time",
    "a CHECK loosened": """alter table affiliate_clicks drop constraint affiliate_clicks_commission_rate_check,
        add constraint affiliate_clicks_commission_rate_check check (commission_rate >= 0 and commission_rate <= 100)""",
    "a key dropped": "alter table product_views drop constraint product_views_product_id_fkey",
    "a key with another action": """alter table product_views drop constraint product_views_user_id_fkey,
        add constraint product_views_user_id_fkey foreign key (user_id) references auth.users (id) on delete cascade""",
    "a key not validated": """alter table affiliate_clicks drop constraint affiliate_clicks_user_id_fkey,
        add constraint affiliate_clicks_user_id_fkey foreign key (user_id) references auth.users (id) on delete set null not valid;
        comment on constraint affiliate_clicks_user_id_fkey on affiliate_clicks is
            'A deleted account leaves its clicks as ownerless rows: the books stay whole, the person goes.'""",
    "the primary key dropped": "alter table product_views drop constraint product_views_pkey",
    "an index dropped": "drop index idx_product_views_session",
    "an index on other columns": "drop index idx_product_views_time; create index idx_product_views_time on product_views (view_timestamp)",
    "an index with another condition": """drop index idx_recommendation_feedback_unprocessed;
        create index idx_recommendation_feedback_unprocessed on recommendation_feedback (created_at) where is_processed is true""",
    "a policy dropped": "drop policy affiliate_clicks_read_own on affiliate_clicks",
    "a policy opened": """alter policy affiliate_clicks_read_own on affiliate_clicks
        using (user_id = (select auth.uid()) or user_id is null)""",
    "a policy for other roles": "alter policy user_preferences_own on user_preferences to anon, authenticated",
    "a policy added": "create policy everybody on session_analytics for select to anon using (true)",
    "a verb granted": "grant select on affiliate_clicks to anon",
    "a verb granted to everybody": "grant truncate on product_views to public",
    "a column granted": "grant update (user_id) on affiliate_clicks to authenticated",
    "a verb revoked": "revoke insert on affiliate_clicks from service_role",
    "a column revoked": "revoke insert (product_id) on product_views from anon",
    "a stranger granted": "grant select on affiliate_clicks to authenticator",
    "row level security off": "alter table affiliate_clicks disable row level security",
    "a storage setting reset": "alter table user_preferences reset (fillfactor)",
    "a trigger dropped": "drop trigger affiliate_clicks_touch_updated_at on affiliate_clicks",
    "a trigger disabled": "alter table affiliate_clicks disable trigger affiliate_clicks_touch_updated_at",
    "a trigger at another time": """create or replace trigger user_preferences_derive_swipe_figures
        before insert on user_preferences for each row execute function aclue_derive_swipe_figures()""",
    "a trigger's condition": """create or replace trigger affiliate_clicks_fill_in before insert on affiliate_clicks for each row
        when (current_user = 'anon' and new.click_timestamp is null) execute function aclue_fill_in('click_timestamp')""",
    "a function replaced": """create or replace function aclue_touch_updated_at() returns trigger language plpgsql set search_path to ''
        as $$ begin return new; end $$""",
    "a function's search_path": "alter function aclue_was_recommended_to_caller(uuid, uuid) reset search_path",
    "a function granted": "grant execute on function aclue_was_recommended_to_caller(uuid, uuid) to anon",
    "a comment dropped": "comment on column affiliate_clicks.user_id is null",
    "a comment on a key": "comment on constraint product_views_product_id_fkey on product_views is 'something else'",
    "a comment on a policy": "comment on policy user_preferences_own on user_preferences is null",
}  # fmt: skip

LEFT_ALONE = {
    "a column of somebody's": ("alter table product_views add column extra text", "alter table product_views drop column extra"),
    "an index of somebody's": ("create index extra on product_views (created_at)", "drop index extra"),
    "a CHECK of somebody's": (
        "alter table product_views add constraint extra check (true)",
        "alter table product_views drop constraint extra",
    ),
    "a trigger of somebody's": (
        "create trigger extra before update on product_views for each row execute function update_updated_at_column()",
        "drop trigger extra on product_views",
    ),
    "a column retyped": (
        "alter table product_views alter column search_query type varchar(10)",
        "alter table product_views alter column search_query type text",
    ),
    "row level security forced": (
        "alter table product_views force row level security",
        "alter table product_views no force row level security",
    ),
}  # fmt: skip


def taken(database: Database) -> str:
    with database.begin() as connection:
        return schema.fingerprint(connection)


def by_hand(database: Database, text: str) -> None:
    with database.begin() as connection:
        script(connection, text)


@pytest.mark.parametrize("change", MENDED.values(), ids=MENDED.keys())
def test_a_change_by_hand_is_seen_and_mended(standing: Database, change: str) -> None:
    before = taken(standing)
    by_hand(standing, change)
    assert taken(standing) != before
    mended = schema.deploy(standing)
    assert mended.changed
    assert mended.fingerprint == before
    assert not schema.plan(standing).statements


@pytest.mark.parametrize(("change", "undo"), LEFT_ALONE.values(), ids=LEFT_ALONE.keys())
def test_what_would_destroy_something_is_said_and_left(standing: Database, change: str, undo: str) -> None:
    before = taken(standing)
    by_hand(standing, change)
    try:
        done = schema.deploy(standing)
        assert not done.changed
        assert done.fingerprint != before
        (left,) = done.left
        assert left.reason
    finally:
        by_hand(standing, undo)
    assert taken(standing) == before


def test_on_a_table_with_rows_indexes_are_built_beside_readers_and_writers(app_db: Database) -> None:
    whole = schema.deploy(app_db).fingerprint
    by_hand(app_db, """
        insert into products (id, title) values ('00000000-0000-0000-0000-000000000001', 'mug');
        insert into product_views (product_id, session_id)
            select '00000000-0000-0000-0000-000000000001', 's' || n from generate_series(1, 100) n;
        drop index idx_product_views_session;
        """)  # fmt: skip
    built = [step for step in schema.plan(app_db).steps if step.how == How.BUILD]
    assert "concurrently" in built[0].script
    assert schema.deploy(app_db).fingerprint == whole


def test_a_column_that_nothing_could_fill_is_left_to_a_person(app_db: Database) -> None:
    schema.deploy(app_db)
    by_hand(app_db, """
        alter table session_analytics drop column landing_page;
        insert into session_analytics (session_id) values ('s');
        """)  # fmt: skip
    done = schema.deploy(app_db)
    assert not done.changed
    assert [str(left.key) for left in done.left] == [
        "column landing_page on session_analytics",
        "constraint session_analytics_landing_page_length",
        "grants table public.session_analytics",
    ]
    by_hand(app_db, "delete from session_analytics")
    assert schema.deploy(app_db).changed
    assert not schema.plan(app_db).statements


def test_what_a_killed_build_left_is_dropped_and_built_again(databases, app_db: Database) -> None:
    whole = schema.deploy(app_db).fingerprint
    by_hand(app_db, """
        insert into products (id, title) values ('00000000-0000-0000-0000-000000000001', 'mug');
        insert into product_views (product_id, session_id) values ('00000000-0000-0000-0000-000000000001', 's');
        """)  # fmt: skip
    by_hand(
        databases.admin(app_db),
        "update pg_index set indisvalid = false where indexrelid = 'public.idx_product_views_session'::regclass",
    )
    statements = [statement for statement in schema.plan(app_db).statements if statement.key.kind == "index"]
    assert [(statement.why, statement.sql.split(" ")[0]) for statement in statements] == [
        ("invalid", "drop"),
        ("invalid", "create"),
    ]
    assert schema.deploy(app_db).fingerprint == whole


def test_rows_that_break_a_key_are_named(databases, app_db: Database) -> None:
    schema.deploy(app_db)
    by_hand(app_db, """
        alter table product_views drop constraint product_views_product_id_fkey;
        insert into product_views (product_id, session_id) values ('00000000-0000-0000-0000-000000000001', 's');
        """)  # fmt: skip
    with pytest.raises(VerificationFailed, match="00000000-0000-0000-0000-000000000001"):
        schema.deploy(app_db)
    by_hand(app_db, "delete from product_views")
    assert schema.deploy(app_db).changed
    with app_db.begin() as connection:
        assert query(
            connection, "select convalidated from pg_constraint where conname = 'product_views_product_id_fkey'"
        ) == [{"convalidated": True}]


#: What a deployment of 0.1.0 lacks: bounds on what clients write, and the trigger that fills in what they leave out.
OF_0_1_0 = """
do $$
declare
    one record;
begin
    for one in
        select conrelid::regclass as of, conname from pg_constraint
        where contype = 'c' and connamespace = 'public'::regnamespace and conname ~ '_(length|is_number|is_finite)$'
    loop
        execute format('alter table %s drop constraint %I', one.of, one.conname);
    end loop;
end
$$;
drop function aclue_fill_in() cascade;
alter policy session_analytics_insert_own_or_ownerless on session_analytics
    with check (user_id is null or (current_user <> 'anon' and user_id = (select auth.uid())));
"""


def checks(database: Database) -> dict[str, bool]:
    """The CHECKs of the deployed tables, and whether each is valid."""
    with database.begin() as connection:
        rows = query(
            connection,
            """select conname, convalidated from pg_constraint
               where contype = 'c' and connamespace = 'public'::regnamespace and conrelid::regclass::text = any(:tables)""",
            tables=list(table_names()),
        )
    return {row["conname"]: row["convalidated"] for row in rows}


def test_a_deployment_of_the_first_release_gets_the_bounds_and_what_its_rows_break_is_said_and_not_left(
    app_db: Database,
) -> None:
    whole = schema.deploy(app_db).fingerprint
    everything = checks(app_db)
    by_hand(app_db, OF_0_1_0)
    assert len(checks(app_db)) < len(everything) - 60
    by_hand(app_db, """
        insert into session_analytics (session_id, landing_page, city) values
            ('fine', '/', 'London'), ('long', '/', repeat('x', 201)), ('longer', '/' , repeat('x', 2671)), ('late', '/', null);
        update session_analytics set last_activity_at = 'infinity' where session_id = 'late';
        """)  # fmt: skip
    for _ in range(2):
        with pytest.raises(VerificationFailed) as failed:
            schema.deploy(app_db)
        said = str(failed.value)
        assert "impossible: constraint session_analytics_city_length: 2 rows break it" in said
        assert "session_analytics_last_activity_at_is_finite: 1 rows break it" in said
        assert "(public.session_analytics where not (length(city) <= 200))" in said
        impossible = {"session_analytics_city_length", "session_analytics_last_activity_at_is_finite"}
        assert checks(app_db) == {name: True for name in everything if name not in impossible}
        by_hand(app_db, "update session_analytics set is_active = false")
    by_hand(app_db, "delete from session_analytics where session_id <> 'fine'")
    assert schema.deploy(app_db).fingerprint == whole
    assert not schema.plan(app_db).statements


def test_a_check_that_rows_forbid_to_tighten_is_again_what_it_was(app_db: Database) -> None:
    schema.deploy(app_db)
    name = "product_views_search_query_length"
    by_hand(app_db, f"""
        alter table product_views drop constraint {name}, add constraint {name} check (length(search_query) <= 1001);
        insert into products (id, title) values ('00000000-0000-0000-0000-000000000001', 'mug');
        insert into product_views (product_id, session_id, search_query) select id, 's', repeat('x', 1001) from products;
        """)  # fmt: skip
    with pytest.raises(VerificationFailed, match=f"{name}: 1 rows break it"):
        schema.deploy(app_db)
    with app_db.begin() as connection:
        found = query(
            connection, f"select pg_get_constraintdef(oid) as said from pg_constraint where conname = '{name}'"
        )
    assert "<= 1001" in found[0]["said"]
