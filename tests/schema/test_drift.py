"""Whatever somebody changed by hand is seen, and mended; what would destroy something needs a person's word."""

import pytest

from aclue_pipeline import schema
from aclue_pipeline.errors import Impossible, NotAllowed
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.change import How
from aclue_pipeline.schema.declared import table_names
from tests.support.statements import run
from tests.support.words import allowed

pytestmark = pytest.mark.database

MENDED = {
    "a column's default": "alter table affiliate_clicks alter column is_converted set default true",
    "a default dropped": "alter table user_preferences alter column similarity_threshold drop default",
    "a statistics target": "alter table product_views alter column session_id set statistics 500",
    "a column's storage": "alter table product_views alter column search_query set storage external",
    "a column narrowed that only the catalogue knows": "alter table product_views alter column search_query type varchar",
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
    "a key's triggers switched off": "SUPERUSER alter table product_views disable trigger all",
    "a uniqueness dropped": "alter table session_analytics drop constraint session_analytics_session_id_key",
    "a constraint renamed": "alter table product_views rename constraint product_views_view_position_check to pos",
    "the primary key dropped": "alter table product_views drop constraint product_views_pkey",
    "an index dropped": "drop index idx_product_views_session",
    "an index on other columns": "drop index idx_product_views_time; create index idx_product_views_time on product_views (view_timestamp)",
    "an index renamed": "alter index idx_product_views_session rename to session_index",
    "an index with another condition": """drop index idx_recommendation_feedback_unprocessed;
        create index idx_recommendation_feedback_unprocessed on recommendation_feedback (created_at) where is_processed is true""",
    "a policy dropped": "drop policy affiliate_clicks_read_own on affiliate_clicks",
    "a policy opened": """alter policy affiliate_clicks_read_own on affiliate_clicks
        using (user_id = (select auth.uid()) or user_id is null)""",
    "a policy for other roles": "alter policy user_preferences_own on user_preferences to anon, authenticated",
    "a policy renamed": "alter policy product_views_read_own on product_views rename to mine",
    "a policy with a cast": """alter policy affiliate_clicks_read_own on affiliate_clicks
        using (user_id::text::char(1) = (select auth.uid())::text::char(1))""",
    "a policy made restrictive": """drop policy product_views_read_own on product_views; create policy product_views_read_own
        on product_views as restrictive for select to authenticated using (user_id = (select auth.uid()))""",
    "a policy added": "create policy everybody on session_analytics for select to anon using (true)",
    "a verb granted": "grant select on affiliate_clicks to anon",
    "a verb granted to everybody": "grant truncate on product_views to public",
    "a column granted": "grant update (user_id) on affiliate_clicks to authenticated",
    "a verb revoked": "revoke insert on affiliate_clicks from service_role",
    "a column revoked": "revoke insert (product_id) on product_views from anon",
    "a stranger granted": "grant select on affiliate_clicks to authenticator",
    "a right handed on": """SUPERUSER grant select on product_views to authenticator with grant option;
        set role authenticator; grant select on product_views to anon; reset role""",
    "the owner's right revoked": "revoke select on product_views from postgres",
    "a rule": "create rule shows as on insert to product_views do also notify heard",
    "row level security forced": "alter table product_views force row level security",
    "row level security off": "alter table affiliate_clicks disable row level security",
    "a storage setting added": "alter table product_views set (fillfactor = 50)",
    "a TOAST setting added": "alter table product_views set (toast.autovacuum_enabled = off)",
    "the replica identity": "alter table product_views replica identity full",
    "a storage setting reset": "alter table user_preferences reset (fillfactor)",
    "a trigger dropped": "drop trigger affiliate_clicks_touch_updated_at on affiliate_clicks",
    "a trigger renamed": "alter trigger affiliate_clicks_touch_updated_at on affiliate_clicks rename to touch",
    "a trigger disabled": "alter table affiliate_clicks disable trigger affiliate_clicks_touch_updated_at",
    "a trigger at another time": """create or replace trigger user_preferences_derive_swipe_figures
        before insert on user_preferences for each row execute function pipeline.derive_swipe_figures()""",
    "a trigger's condition": """create or replace trigger affiliate_clicks_fill_in before insert on affiliate_clicks for each row
        when (current_user = 'anon' and new.click_timestamp is null) execute function pipeline.fill_in('click_timestamp')""",
    "a function replaced": """create or replace function pipeline.touch_updated_at() returns trigger language plpgsql set search_path to ''
        as $$ begin return new; end $$""",
    "a function dropped with its triggers": "drop function pipeline.touch_updated_at() cascade",
    "a function's owner": "SUPERUSER alter function pipeline.touch_updated_at() owner to service_role",
    "a function's search_path": "alter function pipeline.was_recommended_to_caller(uuid, uuid) reset search_path",
    "a function granted": "grant execute on function pipeline.was_recommended_to_caller(uuid, uuid) to anon",
    "a comment dropped": "comment on column affiliate_clicks.user_id is null",
    "a comment on a key": "comment on constraint product_views_product_id_fkey on product_views is 'something else'",
    "a comment on a policy": "comment on policy user_preferences_own on user_preferences is null",
}  # fmt: skip

#: What is changed, and the words that a person must say; after them all is as declared.
ALLOWED = {
    "a column of somebody's": ("alter table product_views add column extra text default 'x'", ["loses-data:product_views.extra"]),
    "an index of somebody's": ("create index extra on product_views (created_at)", ["drops:product_views.extra"]),
    "an index twice": ("create index again on product_views (session_id, product_id, view_timestamp)", ["drops:product_views.again"]),
    "a CHECK of somebody's": ("alter table product_views add constraint extra check (true)", ["drops:product_views.extra"]),
    "a key of somebody's": (
        "alter table product_views add constraint extra foreign key (product_id) references products (id)", ["drops:product_views.extra"]
    ),
    "a trigger of somebody's": (
        "create trigger extra before update on product_views for each row execute function update_updated_at_column()",
        ["drops:product_views.extra"],
    ),
    "a restrictive policy of somebody's": (
        "create policy extra on product_views as restrictive for select to authenticated using (false)", ["drops:product_views.extra"]
    ),
    "another function of our name": (
        "create function pipeline.fill_in(int) returns int language sql return 1", ["drops:pipeline.fill_in(integer)"]
    ),
    "a comment of somebody's": ("comment on policy product_views_read_own on product_views is 'ours'", []),
    "a default given": ("alter table product_views alter column search_query set default 'x'", ["drops:product_views.search_query"]),
    "a column retyped": (
        "alter table product_views alter column search_query type varchar(10)", []
    ),
    "a column made an identity": (
        "alter table product_views alter column view_position set not null, alter column view_position add generated always as identity",
        ["drops:product_views.view_position"],
    ),
    "not logged": ("alter table recommendation_feedback set unlogged", []),
    "a view that shows rows": (
        "create view shown as select * from product_views; grant select on shown to anon",
        ["closes:product_views.public.shown"],
    ),
    "a materialized view that shows rows": (
        "create materialized view shown as select * from product_views; grant select on shown to anon",
        ["closes:product_views.public.shown"],
    ),
    "a function that shows rows": (
        "create function shown() returns bigint language sql security definer as 'select count(*) from public.product_views'",
        ["closes:product_views.public.shown()"],
    ),
    "another's child": ("create table child () inherits (product_views)", ["closes:product_views.public.child"]),
    "a parent": (
        "create table parent (session_id text not null); alter table product_views inherit parent",
        ["closes:product_views.public.parent"],
    ),
}  # fmt: skip


def taken(database: Database) -> str:
    with database.begin() as connection:
        return schema.fingerprint(connection)


def change(server: EmbeddedServer, database: Database, text: str) -> None:
    """As the deployer, or as the superuser."""
    if not text.startswith("SUPERUSER "):
        return run(database, text)
    admin = Database(server.url(database.name, SUPERUSER))
    run(admin, text.removeprefix("SUPERUSER "))
    admin.close()


@pytest.mark.parametrize("text", MENDED.values(), ids=MENDED.keys())
def test_a_change_by_hand_is_seen_and_mended(server: EmbeddedServer, standing: Database, text: str) -> None:
    before = taken(standing)
    change(server, standing, text)
    assert taken(standing) != before
    mended = schema.deploy(standing)
    assert mended.changed
    assert mended.fingerprint == before
    assert not schema.plan(standing).changes


@pytest.mark.parametrize(("text", "words"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_would_destroy_something_needs_a_persons_word(
    server: EmbeddedServer, schema_db: Database, text: str, words: list[str]
) -> None:
    before = taken(schema_db)
    change(server, schema_db, text)
    changed = taken(schema_db)
    assert changed != before
    if words:
        with pytest.raises(NotAllowed) as refused:
            schema.deploy(schema_db)
        assert allowed(refused.value) == words
        assert taken(schema_db) == changed
    done = schema.deploy(schema_db, allow=words)
    assert not schema.plan(schema_db).changes
    assert not done.having("as before")


def test_what_a_person_allows_by_mistake_allows_nothing_else(schema_db: Database) -> None:
    run(schema_db, "alter table public.product_views add column a int, add column b int")
    with pytest.raises(NotAllowed, match=r"--allow loses-data:product_views\.b"):
        schema.deploy(schema_db, allow=["loses-data:product_views.a"])
    assert [str(change.key) for change in schema.plan(schema_db).changes] == ["column product_views.b"]


def test_on_a_table_that_is_there_indexes_are_built_beside_readers_and_writers_also_if_it_is_empty(
    schema_db: Database,
) -> None:
    whole = taken(schema_db)
    run(schema_db, """
        drop index public.idx_product_views_session;
        alter table public.product_views drop constraint product_views_pkey;
        """)  # fmt: skip
    todo = schema.plan(schema_db)
    built = [step for step in todo.steps if step.how == How.BUILD]
    assert ["concurrently" in step.script.lower() for step in built] == [True, True]
    assert not any("create index" in step.script.lower() for step in todo.steps if step.locks)
    assert schema.deploy(schema_db).fingerprint == whole


def test_a_column_that_nothing_could_fill_is_left_to_a_person(app_db: Database) -> None:
    schema.deploy(app_db)
    run(app_db, """
        alter table session_analytics drop column landing_page;
        insert into session_analytics (session_id) values ('s');
        """)  # fmt: skip
    with pytest.raises(Impossible, match=r"session_analytics\.landing_page: the table has rows"):
        schema.deploy(app_db)
    waits = {str(change.key) for change in schema.plan(app_db).changes}
    assert waits >= {
        "column session_analytics.landing_page",
        "constraint session_analytics.session_analytics_landing_page_length",
        "grant session_analytics.anon",
    }
    run(app_db, "delete from session_analytics")
    assert schema.deploy(app_db).changed
    assert not schema.plan(app_db).changes


def test_what_a_killed_build_left_is_dropped_and_built_again(databases, schema_db: Database) -> None:
    whole = taken(schema_db)
    run(
        databases.admin(schema_db),
        "update pg_index set indisvalid = false where indexrelid = 'public.idx_product_views_session'::regclass",
    )
    (built,) = schema.plan(schema_db).steps
    assert [statement.split(" ")[0].lower() for statement in built.statements] == ["drop", "create", "comment"]
    assert schema.deploy(schema_db).fingerprint == whole


def test_rows_that_break_a_key_are_named(databases, app_db: Database) -> None:
    schema.deploy(app_db)
    run(app_db, """
        alter table product_views drop constraint product_views_product_id_fkey;
        insert into product_views (product_id, session_id) values ('00000000-0000-0000-0000-000000000001', 's');
        """)  # fmt: skip
    with pytest.raises(Impossible, match=r"product_views_product_id_fkey: 1 rows break it .*not exists"):
        schema.deploy(app_db)
    run(app_db, "delete from product_views")
    assert schema.deploy(app_db).changed
    with app_db.begin() as connection:
        assert query(
            connection, "select convalidated from pg_constraint where conname = 'product_views_product_id_fkey'"
        ) == [{"convalidated": True}]


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


def test_what_its_rows_break_is_said_and_not_left(schema_db: Database) -> None:
    whole, everything = taken(schema_db), checks(schema_db)
    impossible = {"session_analytics_city_length", "session_analytics_last_activity_at_is_finite"}
    lost = impossible | {"session_analytics_browser_length"}
    run(schema_db, f"""
        alter table session_analytics {", ".join(f"drop constraint {name}" for name in sorted(lost))};
        insert into session_analytics (session_id, landing_page, city) values
            ('fine', '/', 'London'), ('long', '/', repeat('x', 201)), ('longer', '/' , repeat('x', 2671)), ('late', '/', null);
        update session_analytics set last_activity_at = 'infinity' where session_id = 'late';
        """)  # fmt: skip
    for _ in range(2):
        with pytest.raises(Impossible) as failed:
            schema.deploy(schema_db)
        said = str(failed.value)
        assert "impossible: constraint session_analytics.session_analytics_city_length: 2 rows break it" in said
        assert "session_analytics_last_activity_at_is_finite: 1 rows break it" in said
        assert '"session_analytics" where not (length(city) <= 200))' in said
        assert checks(schema_db) == {name: True for name in everything if name not in impossible}
        run(schema_db, "update session_analytics set is_active = false")
    run(schema_db, "delete from session_analytics where session_id <> 'fine'")
    assert schema.deploy(schema_db).fingerprint == whole
    assert not schema.plan(schema_db).changes


def test_a_check_that_rows_forbid_to_tighten_is_again_what_it_was(app_db: Database) -> None:
    schema.deploy(app_db)
    name = "product_views_search_query_length"
    run(app_db, f"""
        alter table product_views drop constraint {name}, add constraint {name} check (length(search_query) <= 1001);
        insert into products (id, title) values ('00000000-0000-0000-0000-000000000001', 'mug');
        insert into product_views (product_id, session_id, search_query) select id, 's', repeat('x', 1001) from products;
        """)  # fmt: skip
    with pytest.raises(Impossible, match=f"{name}: 1 rows break it"):
        schema.deploy(app_db)
    with app_db.begin() as connection:
        found = query(
            connection, f"select pg_get_constraintdef(oid) as said from pg_constraint where conname = '{name}'"
        )
    assert "<= 1001" in found[0]["said"]


def test_nulls_and_duplicates_are_counted_before_anything_is_built(schema_db: Database) -> None:
    run(schema_db, """
        alter table session_analytics alter column landing_page drop not null, drop constraint session_analytics_session_id_key;
        insert into session_analytics (session_id, landing_page) values ('a', null), ('a', '/'), ('b', null), ('c', '/');
        """)  # fmt: skip
    with pytest.raises(Impossible) as failed:
        schema.deploy(schema_db)
    said = str(failed.value)
    assert (
        'column session_analytics.landing_page: 2 rows break it ("public"."session_analytics" where "landing_page" is null)'
        in said
    )
    assert "session_analytics_session_id_key: 2 rows break it" in said
    with schema_db.begin() as connection:
        left = query(connection, "select conname from pg_constraint where conname like 'aclue%'")
        built = query(connection, "select relname from pg_class where relname like 'aclue_new%'")
    assert (left, built) == ([], [])
    run(schema_db, "delete from session_analytics where session_id <> 'c'")
    assert schema.deploy(schema_db).changed
    assert not schema.plan(schema_db).changes


def test_what_is_open_is_closed_also_where_what_belongs_in_its_place_cannot_be_made(schema_db: Database) -> None:
    run(schema_db, """
        alter table recommendation_feedback drop column product_id cascade, drop column comment;
        create policy recommendation_feedback_insert_own on recommendation_feedback for insert to authenticated with check (true);
        grant select on recommendation_feedback to anon;
        grant update on recommendation_feedback to authenticated;
        insert into auth.users (id, email) values ('00000000-0000-0000-0000-00000000000a', 'ann@example.com');
        insert into products (id, title) values ('00000000-0000-0000-0000-00000000000b', 'mug');
        insert into recommendations (id, user_id, product_id)
            values ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b');
        insert into recommendation_feedback (recommendation_id, user_id, feedback_value, model_version)
            values ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-00000000000a', 1, '1');
        """)  # fmt: skip
    with pytest.raises(Impossible, match=r"recommendation_feedback\.product_id: the table has rows"):
        schema.deploy(schema_db)
    with schema_db.begin() as connection:
        (open_,) = query(
            connection,
            """select has_table_privilege('anon', t, 'SELECT') or has_table_privilege('authenticated', t, 'UPDATE') as granted,
                      has_column_privilege('authenticated', t, 'rating', 'INSERT') as kept,
                      exists (select from pg_policies where policyname = 'recommendation_feedback_insert_own') as policy
               from (values ('public.recommendation_feedback')) as one (t)""",
        )
    assert open_ == {"granted": False, "kept": True, "policy": False}
    assert "create policy" in str(schema.deployments(schema_db)[0]["brings_back"])
