"""The criteria: green on a sound deployment, and for one damage exactly one of them red, which deploying mends."""

import time
from typing import Any

import pytest

from aclue_pipeline import schema
from aclue_pipeline.checks import Judgement
from aclue_pipeline.postgres import Database, app, query, script
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.schema.verify import verify
from aclue_pipeline.schema.verify.criteria import CRITERIA
from aclue_pipeline.schema.verify.probes import CannotTry, may_be_clients
from aclue_pipeline.schema.verify.site import Site
from aclue_pipeline.settings import get_settings
from tests.support.statements import run

pytestmark = pytest.mark.database

PEOPLE = """
insert into auth.users (id) values ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000002');
insert into public.products (id, title) values ('00000000-0000-0000-0000-00000000000a', 'SET OF 6 CHRISTMAS GIFT TAGS');
"""
CLICKS = """
insert into public.affiliate_clicks (user_id, product_id, session_id, source_page, affiliate_network, affiliate_url)
select '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000a', 's' || n, 'search', 'awin', 'https://example.com'
from generate_series(1, {rows}) n;
"""


PUBLIC_USERS = """
create table public.users (id uuid primary key, email text not null unique, handle varchar(20) not null unique, country char(2) not null);
alter table public.users alter country set default 'GB';
alter table public.recommendations drop constraint recommendations_user_id_fkey,
    add constraint recommendations_user_id_fkey foreign key (user_id) references public.users (id);
"""
ON_SIGN_UP = """
create function public.handle_new_user() returns trigger language plpgsql security definer as $$ begin {}; return new; end $$;
create trigger on_auth_user_created after insert on auth.users for each row execute function public.handle_new_user();
"""


def judged(database: Database) -> dict[str, Judgement]:
    return {one.check: one for one in verify(database)}


def red(database: Database) -> list[str]:
    return [name for name, finding in judged(database).items() if finding.outcome == "failed"]


def unjudged(database: Database) -> dict[str, str]:
    """Why what could not be judged was not."""
    return {name: finding.sentence for name, finding in judged(database).items() if finding.outcome == "not judged"}


#: The criteria that need somebody to try them with.
TRIED = {
    "foreign_keys",
    "triggers",
    "test_data",
    "existing_functionality",
    "user_data_isolated",
    "service_role_access",
    "anonymous_visitors",
    "no_cross_user_access",
}


def test_a_sound_deployment_is_green_and_says_why(schema_db: Database) -> None:
    findings = judged(schema_db)
    assert [name for name, finding in findings.items() if not finding.passed] == []
    assert list(findings) == [criterion.name for criterion in CRITERIA]
    assert all(finding.sentence and finding.remedy and finding.evidence for finding in findings.values())
    assert "affiliate_clicks (a copy with 5,000 rows)" in findings["sequential_scans"].sentence
    assert "engagement_rate = 0.7" in findings["test_data"].sentence
    assert "right_swipes: left_swipes = 2 and engagement_rate = 0.3333" in findings["test_data"].sentence
    assert "under row level security" in findings["indexed_lookups"].evidence["product_views by user_id"]
    assert "user_preferences has fewer than 6 because" in findings["indexes_created"].sentence


@pytest.mark.parametrize("shape", ["a", "b"])
def test_before_a_deployment_only_the_missing_tables_are_red(
    empty_db: Database, databases: Any, shape: app.Shape
) -> None:
    app.install(databases.admin(empty_db).url, shape)
    assert red(empty_db) == ["tables_created"]
    assert set(unjudged(empty_db)) == {one.name for one in CRITERIA} - {"tables_created", "existing_functionality"}


#: Damages of which each has one cause and turns one criterion red (or, where an index is missing, those that miss it), as a statement.
DAMAGES = {
    # What `aclue demo break policy` does.
    "every user reads ownerless clicks": (
        "user_data_isolated",
        """drop policy affiliate_clicks_read_own on public.affiliate_clicks;
           create policy affiliate_clicks_read_own on public.affiliate_clicks for select to authenticated
           using (user_id = (select auth.uid()) or user_id is null)""",
    ),
    "nobody reads own views": ("user_data_isolated", "drop policy product_views_read_own on public.product_views"),
    "row level security off": ("row_level_security", "alter table public.product_views disable row level security"),
    "a policy of nobody's": (
        "row_level_security",
        "create policy two_more on public.affiliate_clicks for delete to anon using (false)",
    ),
    "no policy for the server": (
        "row_level_security",
        "drop policy session_analytics_service_role on public.session_analytics",
    ),
    "visitors may do anything": ("anonymous_visitors", "grant all on public.user_preferences to anon"),
    "visitors may do nothing": ("anonymous_visitors", "revoke all on public.product_views from anon"),
    "users write what the server earns": (
        "no_cross_user_access",
        "grant insert (actual_commission) on public.affiliate_clicks to authenticated",
    ),
    "feedback on another's recommendation": (
        "no_cross_user_access",
        "alter policy recommendation_feedback_insert_own on public.recommendation_feedback with check (user_id = (select auth.uid()))",
    ),
    "the server cannot delete": ("service_role_access", "revoke delete on public.affiliate_clicks from service_role"),
    "a table gone": ("tables_created", "drop table public.recommendation_feedback"),
    "a column gone": ("tables_created", "alter table public.product_views drop column device_type"),
    "an index fewer": ("indexes_created index_usage", "drop index public.idx_recommendation_feedback_model"),
    "a look-up without index": ("index_usage", "drop index public.idx_affiliate_clicks_user"),
    "a key gone": ("foreign_keys", "alter table public.affiliate_clicks drop constraint affiliate_clicks_user_id_fkey"),
    "a key pending": (
        "foreign_keys",
        """alter table public.product_views drop constraint product_views_product_id_fkey,
           add constraint product_views_product_id_fkey foreign key (product_id) references public.products (id)
           on delete cascade not valid""",
    ),
    "updated_at left alone": (
        "triggers",
        "drop trigger session_analytics_touch_updated_at on public.session_analytics",
    ),
    "counters not derived": (
        "test_data",
        # Dropped for everybody, it would also stop a user's first adjustment, which is another criterion's.
        """create or replace trigger user_preferences_derive_swipe_figures before insert or update on public.user_preferences
           for each row when (current_user <> 'service_role') execute function pipeline.derive_swipe_figures()""",
    ),
    "a product that cannot be deleted": (
        "existing_functionality",
        """alter table public.affiliate_clicks drop constraint affiliate_clicks_product_id_fkey,
           add constraint affiliate_clicks_product_id_fkey foreign key (product_id) references public.products (id)""",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_turns_its_own_criterion_red_and_deploying_mends_it(schema_db: Database, damage: str) -> None:
    criteria, statement = DAMAGES[damage]
    run(schema_db, statement)
    findings = judged(schema_db)
    assert [name for name, finding in findings.items() if not finding.passed] == criteria.split()
    assert {findings[criterion].remedy for criterion in criteria.split()} == {"aclue deploy"}
    schema.deploy(schema_db)
    assert red(schema_db) == []


def test_a_trigger_of_ours_on_the_apps_tables_is_red(schema_db: Database) -> None:
    run(
        schema_db,
        "create trigger ours before update on public.products for each row execute function pipeline.touch_updated_at()",
    )
    assert red(schema_db) == ["existing_functionality"]


def test_what_stands_retired_beside_a_new_deployment_is_not_red(schema_db: Database) -> None:
    schema.rollback(schema_db)
    schema.deploy(schema_db)
    assert red(schema_db) == []


class TestSpeed:
    def test_a_slow_policy_is_felt_as_overhead(self, schema_db: Database) -> None:
        run(schema_db, PEOPLE + CLICKS.format(rows=1))
        run(
            schema_db,
            """alter policy affiliate_clicks_read_own on public.affiliate_clicks
               using (user_id = auth.uid() and pg_sleep(0.003) is not null)""",
        )
        findings = judged(schema_db)
        assert [name for name, finding in findings.items() if not finding.passed] == ["rls_overhead"]
        assert findings["rls_overhead"].sentence.startswith("affiliate_clicks by user_id takes")

    def test_a_look_up_that_takes_too_long_is_red_for_both(self, schema_db: Database) -> None:
        run(
            schema_db,
            "alter policy affiliate_clicks_read_own on public.affiliate_clicks using (user_id = auth.uid() and pg_sleep(0.03) is not null)",
        )
        assert red(schema_db) == ["indexed_lookups", "rls_overhead"]

    @pytest.mark.slow
    def test_large_tables_are_judged_and_reading_one_whole_is_red(self, schema_db: Database) -> None:
        run(schema_db, PEOPLE + CLICKS.format(rows=100_000) + "analyze public.affiliate_clicks")
        sound = judged(schema_db)["sequential_scans"]
        # One user clicked everything: the index still gives that user's latest ten without reading the rest.
        assert sound.passed, sound
        assert "affiliate_clicks (100,000 rows)" in sound.sentence
        run(schema_db, "drop index public.idx_affiliate_clicks_session")
        findings = judged(schema_db)
        assert [name for name, finding in findings.items() if not finding.passed] == ["index_usage", "sequential_scans"]
        assert findings["sequential_scans"].sentence.startswith("affiliate_clicks by session_id reads the whole table")


class TestOnARealDatabase:
    def test_verifying_changes_no_row(self, schema_db: Database) -> None:
        run(schema_db, PEOPLE + CLICKS.format(rows=5))
        run(
            schema_db,
            "insert into public.user_preferences (user_id, total_swipes, right_swipes) select id, 3, 1 from auth.users",
        )
        before = _rows(schema_db)
        assert red(schema_db) == []
        assert _rows(schema_db) == before

    def test_without_users_and_the_right_to_make_one_nothing_is_tried(
        self, schema_db: Database, databases: Any
    ) -> None:
        run(databases.admin(schema_db), "revoke insert on auth.users from postgres")
        assert red(schema_db) == []
        assert set(unjudged(schema_db)) == TRIED
        assert "two users are needed" in unjudged(schema_db)["user_data_isolated"]

    def test_without_products_and_the_right_to_make_one_nothing_is_tried(
        self, schema_db: Database, databases: Any
    ) -> None:
        run(
            databases.admin(schema_db),
            "alter table public.products owner to supabase_auth_admin; revoke all on public.products from service_role",
        )
        assert "permission denied for table products" in unjudged(schema_db)["test_data"]

    @pytest.mark.parametrize("made", ["by the trigger", "by whoever"])
    def test_where_the_apps_tables_refer_to_public_users_a_policy_for_everybody_is_red(
        self, schema_db: Database, databases: Any, made: str
    ) -> None:
        run(schema_db, PUBLIC_USERS)
        if made == "by the trigger":
            run(
                databases.admin(schema_db),
                ON_SIGN_UP.format(
                    "insert into public.users (id, email, handle) values (new.id, new.email, left(new.id::text, 20))"
                ),
            )
        assert red(schema_db) == []
        assert unjudged(schema_db) == {}
        run(schema_db, "alter policy product_views_read_own on public.product_views using (true)")
        assert red(schema_db) == ["user_data_isolated"]

    def test_an_app_whose_tables_demand_more_tables_gets_rows_in_those_too(self, schema_db: Database) -> None:
        run(
            schema_db,
            """create table public.shops (id uuid primary key default gen_random_uuid(), name varchar(40) not null);
               alter table public.products add shop_id uuid not null references public.shops (id)""",
        )
        assert red(schema_db) == []
        assert unjudged(schema_db) == {}

    def test_a_deployer_whom_policies_bind_judges_it_all_where_there_are_users(
        self, schema_db: Database, databases: Any
    ) -> None:
        run(schema_db, PEOPLE)
        run(
            databases.admin(schema_db),
            """create role bound login password 'bound' createrole; grant postgres to bound; grant usage on schema auth to bound;
                   grant anon, authenticated, service_role to bound""",
        )
        bound = Database(schema_db.url.replace(_credentials(schema_db), "bound:bound"))
        try:
            assert [(one.check, one.sentence) for one in verify(bound) if not one.passed] == []
        finally:
            bound.close()
            run(databases.admin(schema_db), "drop owned by bound; drop role bound")

    def test_users_that_the_app_does_not_know_are_not_played_with(self, schema_db: Database) -> None:
        run(schema_db, PUBLIC_USERS + PEOPLE)
        assert red(schema_db) == []
        assert unjudged(schema_db) == {}

    def test_a_trigger_that_lets_nobody_sign_up_is_named_and_nothing_is_green(
        self, schema_db: Database, databases: Any
    ) -> None:
        run(databases.admin(schema_db), ON_SIGN_UP.format("raise exception 'by invitation only'"))
        run(schema_db, "alter policy product_views_read_own on public.product_views using (true)")
        assert red(schema_db) == []
        assert set(unjudged(schema_db)) == TRIED
        said = unjudged(schema_db)["user_data_isolated"]
        assert "by invitation only" in said
        assert "on_auth_user_created" in said

    def test_a_product_that_asks_for_more_than_a_title_is_made_all_the_same(self, schema_db: Database) -> None:
        run(
            schema_db,
            """create type public.state as enum ('new', 'used');
               alter table public.products add asin varchar(12) not null unique, add state public.state not null, add weight real not null,
                   add since date not null, add facts jsonb not null""",
        )
        assert red(schema_db) == []
        assert unjudged(schema_db) == {}

    def test_without_temporary_tables_plans_are_not_judged(self, schema_db: Database, databases: Any) -> None:
        run(databases.admin(schema_db), f"revoke temporary on database {schema_db.name} from public, postgres")
        assert red(schema_db) == []
        assert set(unjudged(schema_db)) == {"indexed_lookups", "rls_overhead", "index_usage", "sequential_scans"}
        asked = judged(schema_db)["index_usage"]
        assert asked.remedy == f'grant temporary on database "{schema_db.name}" to "postgres"'
        run(databases.admin(schema_db), asked.remedy)
        assert unjudged(schema_db) == {}

    def test_a_busy_table_is_not_waited_for(self, schema_db: Database, databases: Any) -> None:
        criterion = next(criterion for criterion in CRITERIA if criterion.name == "user_data_isolated")
        with databases.admin(schema_db).begin() as holder, schema_db.psycopg() as pg:
            script(holder, "lock table public.affiliate_clicks in access exclusive mode")
            began = time.monotonic()
            finding = criterion.judgement(Site(pg))
        assert finding.outcome == "not judged"
        assert "affiliate_clicks is locked by pid" in finding.sentence
        assert time.monotonic() - began < 5

    def test_a_login_that_may_be_nobody_else_says_so(self, schema_db: Database, databases: Any) -> None:
        admin = databases.admin(schema_db)
        run(admin, "create role bystander login password 'bystander'; grant usage on schema auth to bystander")
        bystander = Database(schema_db.url.replace(_credentials(schema_db), "bystander:bystander"))
        try:
            found = judged(bystander)
            assert found["no_cross_user_access"].sentence.startswith(
                "left to whoever deploys: permission denied to set role"
            )
            assert {one.severity for one in found.values() if one.outcome == "not judged"} == {"info"}, (
                "nobody is woken"
            )
            for table in table_names():  # now it deploys
                run(admin, f"alter table public.{table} owner to bystander")
            with bystander.psycopg() as pg, pytest.raises(CannotTry, match="may not be the app's clients") as cannot:
                may_be_clients(pg)
            asked = 'grant anon, authenticated, service_role to "bystander"'
            assert (cannot.value.left, cannot.value.remedy) == (False, asked)
            run(admin, asked)
            with bystander.psycopg() as pg:
                may_be_clients(pg)
        finally:
            bystander.close()
            run(admin, "drop owned by bystander; drop role bystander")


def _credentials(database: Database) -> str:
    return database.url.removeprefix("postgresql://").partition("@")[0]


def _rows(database: Database) -> list[dict[str, Any]]:
    with database.begin() as connection:
        return query(
            connection,
            """select 'click', xmin::text, id::text from public.affiliate_clicks union all
               select 'profile', xmin::text, user_id::text from public.user_preferences union all
               select 'product', xmin::text, id::text from public.products union all
               select 'user', xmin::text, id::text from auth.users order by 1, 3""",
        )


def test_what_a_person_accepted_and_who_may_read_is_not_red(
    schema_db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    run(
        schema_db,
        """create view public.seen as select product_id from public.product_views; grant select on public.seen to anon;
           grant select on public.product_views to authenticator""",
    )
    assert judged(schema_db)["no_cross_user_access"].sentence == (
        "reader product_views.public.seen shows rows to anon, authenticated; grant product_views.authenticator holds SELECT"
    )
    (tmp_path / "accepted.csv").write_text(
        "object,reason,until\nreader product_views.public.seen,the shop's front page,2999-12-31\n"
    )
    monkeypatch.setenv("ACLUE_ACCEPTED", str(tmp_path / "accepted.csv"))
    monkeypatch.setenv("ACLUE_READERS", "authenticator:product_views")
    get_settings.cache_clear()
    try:
        assert red(schema_db) == []
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
