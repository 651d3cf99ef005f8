"""Wherever a deployment starts from, it ends as declared, refused with nothing changed, or with the rows whole and what is left named."""

from contextlib import suppress

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from aclue_pipeline import schema
from aclue_pipeline.errors import Impossible, NotAllowed
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.look import census
from aclue_pipeline.settings import get_settings
from tests.schema.test_census import Mutation, differing, functions, mutations
from tests.support.statements import run
from tests.support.words import allowed

pytestmark = pytest.mark.database

#: One row in every table, with a user, a product and a recommendation behind them.
ROWS = """
insert into auth.users (id, email) values ('00000000-0000-0000-0000-00000000000a', 'ann@example.com');
insert into public.products (id, title) values ('00000000-0000-0000-0000-00000000000b', 'mug');
insert into public.affiliate_clicks (product_id, session_id, source_page, affiliate_network, affiliate_url)
    select id, 's', 'discover', 'awin', 'https://shop' from public.products;
insert into public.product_views (product_id, session_id, view_position) select id, 's', 1 from public.products;
insert into public.session_analytics (session_id, landing_page) values ('s', '/');
insert into public.user_preferences (user_id, total_swipes, right_swipes) select id, 10, 5 from auth.users;
"""


def rows(database: Database) -> dict[str, int]:
    with database.begin() as connection:
        return {
            table: query(connection, f"select count(*) as n from public.{table}")[0]["n"] for table in table_names()
        }


def deploy_whatever_it_asks(database: Database) -> schema.Deployment:
    """As often as a person would: each answer may bring up the next question."""
    words: list[str] = []
    for _ in range(4):
        try:
            return schema.deploy(database, allow=words)
        except (NotAllowed, Impossible) as asked:
            words = list(dict.fromkeys([*words, *allowed(asked)]))
    return schema.deploy(database, allow=words)


#: What a deployment by hand is like: the rate that no row with one like of three can have, zeros for what a trigger derives,
#: the app's trigger and another of the same, indexes for the count alone, three of ours a second time.
BY_HAND = """
alter table public.user_preferences
    drop constraint user_preferences_rate_follows_swipes,
    add constraint valid_engagement_rate
        check (total_swipes = 0 or engagement_rate = right_swipes::decimal / total_swipes),
    alter column left_swipes set default 0,
    alter column engagement_rate set default 0;
drop trigger user_preferences_derive_swipe_figures on public.user_preferences;
drop trigger user_preferences_touch_updated_at on public.user_preferences;
create trigger update_user_preferences_updated_at before update on public.user_preferences
    for each row execute function public.update_updated_at_column();
create trigger user_preferences_updated_at before update on public.user_preferences
    for each row execute function public.update_updated_at_column();
do $$
declare
    one record;
begin
    for one in select relname, attname from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum between 2 and 8
        where c.relnamespace = 'public'::regnamespace and c.relname in ('product_views', 'affiliate_clicks', 'session_analytics') loop
        execute format('create index by_hand_%s_%s on public.%I (%I)', one.relname, one.attname, one.relname, one.attname);
    end loop;
    for one in select indexrelid as index, relname, 'again_' || row_number() over () as name
        from pg_index join pg_class c on c.oid = indexrelid
        where indrelid = 'public.product_views'::regclass and not indisprimary limit 3 loop
        execute replace(pg_get_indexdef(one.index), one.relname, one.name);
    end loop;
    for one in select relname from pg_class where relnamespace = 'public'::regnamespace and relname = any({tables}) loop
        execute format('comment on table public.%I is null', one.relname);
    end loop;
end
$$
"""


def test_a_deployment_by_hand_ends_as_declared_once_allowed_and_one_of_three_can_be_written(
    schema_db: Database,
) -> None:
    run(schema_db, ROWS)
    run(schema_db, BY_HAND.replace("{tables}", f"array{list(table_names())}"))
    before = rows(schema_db)
    with pytest.raises(NotAllowed) as asked:
        schema.deploy(schema_db)
    words = set(allowed(asked.value))
    assert words >= {
        "drops:user_preferences.valid_engagement_rate",
        "drops:user_preferences.update_user_preferences_updated_at",
        "drops:user_preferences.user_preferences_updated_at",
        "drops:product_views.by_hand_product_views_session_id",
    }
    assert len([word for word in words if "again_" in word or "idx_" in word]) == 3
    schema.deploy(schema_db, allow=words)
    assert not schema.plan(schema_db).changes
    assert rows(schema_db) == before
    run(
        schema_db,
        """insert into auth.users (id, email) values ('00000000-0000-0000-0000-00000000000c', 'bob@example.com');
           insert into public.user_preferences (user_id, total_swipes, right_swipes)
               values ('00000000-0000-0000-0000-00000000000c', 3, 1)""",
    )


def test_a_grant_to_a_reader_is_ended_unless_it_is_a_setting(
    schema_db: Database, databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(databases.admin(schema_db), "drop role if exists bi; create role bi; grant bi to postgres")
    run(
        schema_db,
        """drop table public.user_preferences; alter default privileges in schema public grant select, insert on tables to bi;
           grant select, delete on public.product_views to bi""",
    )

    def may(table: str) -> list[bool]:
        held = "select has_table_privilege('bi', :table, verb) as may from unnest(array['select', 'insert', 'delete']) verb"
        with schema_db.begin() as connection:
            return [row["may"] for row in query(connection, held, table=f"public.{table}")]

    with monkeypatch.context() as setting:
        setting.setenv("ACLUE_READERS", "bi:product_views")
        get_settings.cache_clear()
        schema.deploy(schema_db)
        assert (may("product_views"), may("user_preferences")) == ([True, False, False], [False, False, False])
    get_settings.cache_clear()
    schema.deploy(schema_db)
    assert may("product_views") == [False, False, False]
    assert not schema.plan(schema_db).changes
    run(schema_db, "alter default privileges in schema public revoke all on tables from bi")


def test_a_table_that_is_partitioned_keeps_its_rows_and_what_cannot_be_is_named(schema_db: Database) -> None:
    run(
        schema_db,
        """alter table public.product_views rename to old;
           create table public.product_views (like public.old including defaults) partition by range (view_timestamp);
           create table public.views_2026 partition of public.product_views for values from ('2026-01-01') to ('2027-01-01');
           create table public.views_rest partition of public.product_views default;
           grant select on public.views_2026 to anon;
           drop table public.old;
           insert into public.products (id, title) values ('00000000-0000-0000-0000-00000000000b', 'mug');
           insert into public.product_views (product_id, session_id) select id, 's' from public.products""",
    )
    with pytest.raises(Impossible, match="table product_views: it is partitioned and should be a table"):
        schema.deploy(schema_db)
    assert rows(schema_db)["product_views"] == 1
    with schema_db.begin() as connection:
        guarded = query(
            connection,
            """select relrowsecurity and not has_table_privilege('anon', oid, 'select') as closed from pg_class
               where relname in ('product_views', 'views_2026', 'views_rest')""",
        )
    assert [row["closed"] for row in guarded] == [True, True, True]


#: Not those of the whole cluster, nor what would take rows with it, nor others' views, on which a column may not be altered.
HARMS = [
    one
    for one in mutations()
    if not one.keys.startswith(("role", "publication", "owner"))
    and not any(word in one.statements for word in ("truncate", "set local", "insert into", "publication", " view "))
    and one.version <= 15
]


def _any_harm(database: Database, admin: Database, harms: list[Mutation]) -> None:
    run(database, ROWS)
    before = rows(database)
    with admin.begin() as connection:
        whole = census(connection)
    for harm in harms:
        with suppress(Exception):  # what an earlier one made impossible
            run(admin, "set local search_path = public; " + harm.statements.format(**functions()))
    deploy_whatever_it_asks(admin)
    assert not schema.plan(admin).changes, [str(one) for one in harms]
    assert rows(database) == before
    with admin.begin() as connection:
        changed = differing(whole, census(connection))
    assert not {one for one in changed if not one.startswith("reader")}
    for one in (database, admin):
        one.close()


several = st.lists(st.sampled_from(HARMS), min_size=2, max_size=8, unique=True)


@settings(
    max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
@given(harms=several)
def test_any_few_harms_end_as_declared_with_every_row(databases, five_tables: str, harms: list[Mutation]) -> None:
    database = databases.copy(five_tables)
    _any_harm(database, databases.admin(database), harms)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(harms=several)
def test_any_harms_end_as_declared_with_every_row(databases, five_tables: str, harms: list[Mutation]) -> None:
    database = databases.copy(five_tables)
    _any_harm(database, databases.admin(database), harms)
