"""What starts by itself: conditions follow the sources, nets and sensors leave alone what is under way."""

from datetime import timedelta

import dagster as dg
import pytest

from aclue_pipeline.definitions import build_defs
from aclue_pipeline.defs import automation
from aclue_pipeline.postgres import Database, query
from tests.conftest import Databases
from tests.preferences.database import give_feedback
from tests.support.catalogs import CATALOG

FACTS = {table.key for table in CATALOG.room("staging", "facts")}
PROFILES = {"public.user_preferences", "pipeline.taste_models", "analytics.preference_quality"}


class Following:
    """The conditions, evaluated tick by tick as the daemon does; what is asked for is done at once, or not at all."""

    def __init__(self, instance: dg.DagsterInstance, done: bool = True) -> None:
        self.instance, self.defs, self.cursor, self.done = instance, build_defs(CATALOG), None, done

    def observed(self, table: str, version: str) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetObservation(table.split("."), tags={"dagster/data_version": version})
        )

    def tick(self) -> set[str]:
        """Tables asked for."""
        result = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        keys = [one.key for one in result.results if one.true_subset.size]
        tables = {".".join(key.path) for key in keys if isinstance(key, dg.AssetKey)}
        for table in tables if self.done else ():
            self.instance.report_runless_asset_event(dg.AssetMaterialization(table.split(".")))
        return tables


def test_one_new_version_of_a_source_however_far_up_asks_for_what_follows_it_and_at_rest_nothing_is_asked_for(
    instance: dg.DagsterInstance,
) -> None:
    following = Following(instance)
    for table in CATALOG.observed:
        following.observed(table, "1")
    assert following.tick() == FACTS | PROFILES, "nothing is there yet"
    assert following.tick() == set()
    for table in CATALOG.observed:
        following.observed(table, "1")
    assert following.tick() == set(), "looked at, and the same"
    following.observed("public.swipe_interactions", "2")  # staging.swipes and pipeline.signals, views, lie between
    assert following.tick() == FACTS | PROFILES
    assert following.tick() == set()
    following.observed("public.affiliate_clicks", "2")
    assert following.tick() == FACTS
    following.observed("public.recommendation_feedback", "2")
    assert following.tick() == FACTS | PROFILES
    following.observed("auth.users", "2")
    assert following.tick() == set()


def test_a_first_run_that_failed_or_was_ended_is_not_begun_again_until_a_source_changes(
    instance: dg.DagsterInstance,
) -> None:
    """Ended by a person it was begun again each minute."""
    following = Following(instance, done=False)
    for table in CATALOG.observed:
        following.observed(table, "1")
    job = following.defs.resolve_implicit_global_asset_job_def()
    for version, end in (("2", instance.report_run_canceled), ("3", instance.report_run_failed)):
        assert following.tick() == FACTS | PROFILES
        run = instance.create_run_for_job(
            job,
            asset_selection=frozenset(dg.AssetKey(key.split(".")) for key in FACTS | PROFILES),
            status=dg.DagsterRunStatus.STARTED,
        )
        assert following.tick() == set()
        end(run)
        assert [following.tick(), following.tick()] == [set(), set()]
        following.observed("public.swipe_interactions", version)
    assert following.tick() == FACTS | PROFILES


@pytest.mark.database
def test_the_net_beneath_the_profiles_asks_who_waits_and_leaves_a_run_under_way_alone(databases: Databases) -> None:
    db = databases.copy("profiled_shop")
    [net] = [schedule for schedule in automation.schedules(CATALOG) if schedule.name == "hourly_preferences"]
    with dg.DagsterInstance.local_temp() as instance:

        def tick(of: Database = db) -> str | int:
            with dg.build_schedule_context(instance, resources={"database": of}) as context:
                ticked = net.evaluate_tick(context)
                return ticked.skip_message or len(ticked.run_requests or ())

        assert tick(databases.copy("deployed")) == "no profile waits", "there is nobody yet"
        assert tick() == "no profile waits"
        unjudged = databases.copy("profiled_shop")
        with unjudged.begin() as connection:  # its run was killed before the model was judged
            query(connection, "update pipeline.taste_models set (status, pinned_at) = ('candidate', null)")
        assert tick(unjudged) == 1
        with db.begin() as connection:
            give_feedback(connection, 5, 6, 1.0)
        assert tick() == 1
        run = instance.create_run_for_job(
            build_defs(CATALOG).resolve_implicit_global_asset_job_def(),
            asset_selection=frozenset({dg.AssetKey(["public", "user_preferences"])}),
            status=dg.DagsterRunStatus.STARTED,
        )
        assert tick() == "profiles are being recomputed"
        instance.report_run_failed(run)
        assert tick() == 1


def test_a_table_that_is_kept_has_a_time_by_which_it_is_fresh_and_a_source_and_a_view_have_none() -> None:
    graph = build_defs(CATALOG).resolve_asset_graph()
    promised = {node.key.to_user_string().replace("/", ".") for node in graph.asset_nodes if node.freshness_policy}
    kept = {table.key for table in CATALOG.tables.values() if table.kind in ("daily", "whole", "facts")}
    measured = {table.key for table in CATALOG.room("health", "python")}
    assert promised == kept | PROFILES | measured
    policy = graph.get(dg.AssetKey(["analytics", "revenue_daily"])).freshness_policy
    assert policy == dg.FreshnessPolicy.cron("30 7 * * *", timedelta(hours=7, minutes=30), "Europe/London")
