"""Every job materialises for real, and what it leaves in the event log says what a person needs."""

import re
import signal
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from aclue_pipeline.definitions import build_defs, run_job
from aclue_pipeline.defs import timetable
from aclue_pipeline.defs.metadata import INLINE
from aclue_pipeline.defs.tables import earned
from aclue_pipeline.derived import glance
from aclue_pipeline.derived.days import DayResult
from aclue_pipeline.errors import MonthNotClosable, SettingsError
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.preferences import pin
from aclue_pipeline.revenue import closing
from aclue_pipeline.settings import LOCATION, get_settings, person
from tests.support.catalogs import CATALOG

from .conftest import Run, copy_of

pytestmark = pytest.mark.database

YESTERDAY = datetime.now(ZoneInfo(get_settings().timezone)).date() - timedelta(days=1)
RANGE = (YESTERDAY - timedelta(days=9), YESTERDAY)
DAILY = [table.key for table in CATALOG.tables.values() if table.kind == "daily"]
SESSIONS = "analytics.session_steps"  # a row is one visitor's

#: Of these a sum over a day's rows says nothing: they are of visitors, of periods, of the same sales by each model.
WITHOUT_CHART = (SESSIONS, "analytics.people_active", "analytics.attribution_daily")


def key(table: str) -> dg.AssetKey:
    return dg.AssetKey(table.split("."))


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {f"{e.asset_key.to_user_string()}:{e.check_name}": e.passed for e in result.get_asset_check_evaluations()}


def told(result: dg.ExecuteInProcessResult, table: str) -> dict[str, dict]:
    """Partition (None where there is none) → metadata of the table's materializations."""
    return {
        m.partition: {name: value.value for name, value in m.metadata.items()}
        for m in (e.step_materialization_data.materialization for e in result.get_asset_materialization_events())
        if m.asset_key == key(table)
    }


def size(metadata: dict) -> int:
    return max(len(str(value)) for value in metadata.values())


# --- revenue and funnel -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first(server: EmbeddedServer, demo_template: str) -> Iterator[dg.ExecuteInProcessResult]:
    """The first run over the range, made once; what it left is a template."""
    name = "defs_rebuilt"
    server.drop_database(name)
    server.create_database(name, template=demo_template)
    database = Database(server.url(name))
    with pytest.MonkeyPatch.context() as patched, dg.DagsterInstance.ephemeral() as instance:
        # No day before the range is to be computed: events of such a day would fit in none that was.
        patched.setenv("ACLUE_FIRST_DAY", RANGE[0].isoformat())
        get_settings.cache_clear()
        result = run_job("rebuild_revenue_and_funnel", instance, RANGE, database=database, catalog=CATALOG)
        database.close()
        patched.undo()
        get_settings.cache_clear()
        yield result


@pytest.fixture
def rebuilt(server: EmbeddedServer, first: dg.ExecuteInProcessResult) -> Iterator[Database]:
    """A copy of what the first run left."""
    with copy_of(server, "defs_rebuilt") as database:
        yield database


@pytest.fixture
def again(rebuilt: Database, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Rebuilds days of the copy, by the first run's settings: `again(RANGE)`."""

    def again(days: tuple[date, date]) -> dg.ExecuteInProcessResult:
        return run_job("rebuild_revenue_and_funnel", instance, days, database=rebuilt, catalog=CATALOG)

    monkeypatch.setenv("ACLUE_FIRST_DAY", RANGE[0].isoformat())
    get_settings.cache_clear()
    return again


def test_a_range_of_days_is_one_run_with_a_line_for_each_day(
    first: dg.ExecuteInProcessResult, rebuilt: Database
) -> None:
    assert all(checks(first).values()), checks(first)
    assert {e.step_key for e in first.all_events if e.is_step_success} >= {name.replace(".", "__") for name in DAILY}
    for table in DAILY:
        days = told(first, table)
        assert list(days) == [(RANGE[0] + timedelta(days=n)).isoformat() for n in range(10)]
        last = days[RANGE[1].isoformat()]
        assert [next(iter(line.data.values())) for line in last["days of this run"].records] == list(reversed(days))
        assert "10 days" in last["this run"]
        for day, metadata in days.items():
            assert "dagster/partition_row_count" in metadata
            assert set(CATALOG.tables[table].headline) <= metadata.keys()
            assert day == RANGE[1].isoformat() or size(metadata) < INLINE
        with rebuilt.begin() as connection:
            counted = query(connection, f"select count(*) as n from {table}")[0]["n"]
        assert last["dagster/row_count"] == counted == sum(day["dagster/partition_row_count"] for day in days.values())


def test_a_run_without_days_as_from_the_launchpad_says_how_they_are_chosen(deployed_db: Database) -> None:
    room = build_defs(CATALOG, database=deployed_db).get_assets_def(key("analytics.revenue_daily"))
    with pytest.raises(dg.Failure, match=r"^no days were chosen: take Materialize, .* the sensor rebuild_dirty_days"):
        dg.materialize([room], resources={"database": deployed_db})


@pytest.mark.slow
def test_a_second_run_writes_nothing_and_shows_the_same(first: dg.ExecuteInProcessResult, again: Run) -> None:
    second = again(RANGE)
    for table in DAILY:
        drawn, quiet = told(first, table)[RANGE[1].isoformat()], told(second, table)[RANGE[1].isoformat()]
        assert any(name.endswith(" a day") for name in drawn) == (table not in WITHOUT_CHART)
        pictures = {name: value for name, value in drawn.items() if "data:image" in str(value)}
        assert {name: quiet[name] for name in pictures} == pictures
        assert not [(table, day) for day, said in told(second, table).items() if said["changed"]]
        assert "none came out different" in quiet["this run"]
    assert_bounded(second)


def assert_bounded(result: dg.ExecuteInProcessResult) -> None:
    """What each event says is no more than the event log is meant to keep."""
    said = [
        getattr(event.event_specific_data, kind).metadata
        for event in result.all_events
        for kind in ("materialization", "asset_observation")
        if hasattr(event.event_specific_data, kind)
    ]
    assert said
    assert max(len(dg.serialize_value(dict(metadata)).encode()) for metadata in said) <= 50_000


def test_money_comes_first_as_a_picture_that_needs_no_click_and_as_numbers(first: dg.ExecuteInProcessResult) -> None:
    assert_bounded(first)
    days = told(first, "analytics.revenue_daily")
    last = days[RANGE[1].isoformat()]
    assert list(last)[:2] == ["actual commission a day", "clicks a day"]
    assert len(last["actual commission a day"]) < INLINE
    assert "data:image/svg+xml," in last["actual commission a day"]
    assert f"to {RANGE[1].day} {RANGE[1]:%b %Y}: " in last["actual commission a day"]
    assert "data:image/svg+xml;base64," in last["Commission by the day of the click"]
    assert all(isinstance(said["actual commission, GBP"], float) for said in days.values())
    funnel = told(first, "analytics.session_funnel_daily")[RANGE[1].isoformat()]
    assert {"landing a day", "landing, view, click and conversion a day", "How far sessions go"} <= funnel.keys()
    sessions = told(first, SESSIONS)[RANGE[1].isoformat()]
    assert "preview" not in sessions
    assert not [name for name in sessions if name.endswith(" a day")]


def test_a_day_on_which_nothing_happened_is_a_zero_in_every_line(rebuilt: Database) -> None:
    """As yesterday is whenever nobody clicked: a line that ended the day before would call that one the last."""
    with rebuilt.psycopg() as pg:
        pg.execute("delete from analytics.revenue_daily where day >= %s", [YESTERDAY])
        pg.execute("delete from analytics.session_funnel_daily where day >= %s", [YESTERDAY])
    revenue = CATALOG.table("revenue_daily")
    with rebuilt.begin() as connection:
        for table in (revenue, CATALOG.table("session_funnel_daily")):
            *before, last = glance.per_day(connection, table)
            assert (len(before), last.pop("day"), {*last.values()}) == (9, YESTERDAY, {0.0}), table.key
    days = [DayResult(YESTERDAY - timedelta(days=n), 0, False) for n in range(2)]
    assert earned(rebuilt, revenue, days[:1]) == {YESTERDAY: {"actual commission, GBP": 0.0}}
    assert earned(rebuilt, revenue, days)[YESTERDAY] == {"actual commission, GBP": 0.0}


def test_a_preview_begins_with_the_newest_and_of_that_the_largest(
    first: dg.ExecuteInProcessResult, rebuilt: Database
) -> None:
    shown = told(first, "analytics.revenue_daily")[RANGE[1].isoformat()]["preview"].records
    rows = [record.data for record in shown]
    with rebuilt.begin() as connection:
        newest = query(
            connection, "select day, clicks from analytics.revenue_daily order by day desc, clicks desc limit 5"
        )
        sample, _, _ = glance.sample(connection, CATALOG.table("revenue_daily"))
    assert [(row["day"], row["clicks"]) for row in sample] == [(row["day"], row["clicks"]) for row in newest]
    assert [row["row"].partition(" · ")[0] for row in rows] == [f"{row['day']:%-d %b %Y}" for row in newest]
    assert all(" · GBP · " in row["row"] for row in rows)
    assert [row["clicks"] for row in rows] == [row["clicks"] for row in newest]
    assert list(rows[0]) == ["row", "actual_commission", "clicks"], "as much as a page shows without scrolling"
    assert all(re.fullmatch(r"[\d,]+\.\d\d", row["actual_commission"]) for row in rows)


@pytest.mark.slow
def test_a_late_conversion_changes_the_days_it_touches_and_says_so(again: Run, rebuilt: Database) -> None:
    with rebuilt.begin() as connection:
        [late] = query(
            connection,
            """update public.affiliate_clicks set is_converted = true, actual_commission = 3.21, order_id = 'late',
                   conversion_timestamp = cast(:day as date) + interval '12 hours'
               where id = (select click_id from staging.click_facts where verdict = 'valid' and not counted_as_converted
                           and clicked_at >= cast(:day as date) - 3 and clicked_at < cast(:day as date) - 1 limit 1)
               returning (click_timestamp at time zone 'Europe/London')::date as clicked""",
            day=RANGE[1],
        )
    result = again(RANGE)
    changed = {table: [day for day, said in told(result, table).items() if said["changed"]] for table in DAILY}
    assert changed["analytics.revenue_daily"] == [late["clicked"].isoformat()]
    assert changed["analytics.commission_daily"] == [RANGE[1].isoformat()]
    lines = told(result, "analytics.revenue_daily")[RANGE[1].isoformat()]["days of this run"].records
    assert any(" → " in str(line.data) for line in lines)


@pytest.mark.slow
def test_a_published_day_that_moves_shows_its_money_before_and_after_with_the_cause(
    again: Run, rebuilt: Database
) -> None:
    """Of a click that the test itself has sold first: in ten days of so small a demo there may be no sale."""
    with rebuilt.begin() as connection:
        [moved] = query(
            connection,
            """update public.affiliate_clicks c
               set is_converted = true, conversion_timestamp = click_timestamp + interval '1 minute', actual_commission = 1
               from (select click_id, currency, (clicked_at at time zone 'Europe/London')::date as day
                     from staging.click_facts where verdict = 'valid' and converted_at is null and clicked_at >= :since
                     order by click_id limit 1) m
               where c.id = m.click_id returning c.id, m.day, m.currency""",
            since=datetime.combine(RANGE[0], time(), ZoneInfo("Europe/London")),
        )
    click = moved.pop("id")
    again((moved["day"], moved["day"]))
    with rebuilt.begin() as connection:
        query(connection, "update public.affiliate_clicks set actual_commission = 1001 where id = :id", id=click)
        before = query(
            connection,
            "select sum(actual_commission) as n from analytics.revenue_daily where (day, currency) = (:day, :currency)",
            **moved,
        )[0]["n"]
    [of_day] = told(again((moved["day"], moved["day"])), "analytics.revenue_daily").values()
    assert {
        "day".center(12, "\u00a0"): moved["day"].isoformat(),
        "before → after of moved rows":
            f"actual_commission {before:,.2f} → {before + 1000:,.2f} {moved['currency']} (amount)",
    } in [record.data for record in of_day["published numbers that moved"].records]  # fmt: skip


@pytest.mark.slow
def test_days_of_an_older_sql_are_named(first: dg.ExecuteInProcessResult, again: Run, rebuilt: Database) -> None:
    assert checks(first)["analytics/revenue_daily:same_sql"]
    with rebuilt.begin() as connection:
        query(
            connection,
            "update pipeline.days set version = 'older' where table_name = 'analytics.revenue_daily' and day = :day",
            day=RANGE[0],
        )
    result = again((RANGE[1], RANGE[1]))
    [check] = [e for e in result.get_asset_check_evaluations() if e.check_name == "same_sql" and not e.passed]
    assert check.metadata["days of another version"].value == [RANGE[0].isoformat()]
    assert check.metadata["remedy"].value == "aclue revenue rebuild"


@pytest.mark.slow
def test_a_day_that_is_missing_or_whose_run_failed_turns_its_tables_check_red_until_it_is_built(
    again: Run, rebuilt: Database, instance: dg.DagsterInstance
) -> None:
    def standing() -> dict[str, dg.AssetCheckEvaluation]:
        result = run_job("check_sources", instance, database=rebuilt, catalog=CATALOG)
        return {
            one.asset_key.path[-1]: one
            for one in result.get_asset_check_evaluations()
            if one.check_name == "every_day" and not one.passed
        }

    assert standing() == {}
    lost, broken = RANGE[0] + timedelta(days=2), RANGE[0] + timedelta(days=4)
    with rebuilt.psycopg() as pg:
        pg.execute("delete from pipeline.days where table_name = 'analytics.revenue_daily' and day = %s", [lost])
        pg.execute("alter table analytics.commission_daily rename to elsewhere")
        pg.execute("create view analytics.commission_daily as select 1 as day")
    tags = {timetable.RANGE_START: broken.isoformat(), timetable.RANGE_END: broken.isoformat()}
    one = build_defs(CATALOG, database=rebuilt).resolve_implicit_global_asset_job_def()
    one = one.get_subset(asset_selection={key("analytics.commission_daily")})
    assert not one.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success
    with rebuilt.psycopg() as pg:
        pg.execute("drop view analytics.commission_daily")
        pg.execute("alter table analytics.elsewhere rename to commission_daily")
    red = standing()
    assert red.keys() == {"revenue_daily", "commission_daily"}
    assert red["revenue_daily"].description == f"never computed: 1 of the days, {lost} to {lost}"
    assert red["revenue_daily"].metadata["remedy"].value == "aclue revenue rebuild"
    assert red["commission_daily"].description == f"failed: 1 of the days, {broken} to {broken}"
    again((lost, broken))
    assert standing() == {}


@pytest.mark.slow
def test_the_month_that_is_over_is_closed_and_the_one_that_goes_on_is_not(
    run, demo_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    month = ((YESTERDAY + timedelta(days=1)).replace(day=1) - timedelta(days=1)).replace(day=1)
    before = month - timedelta(days=1)
    monkeypatch.setenv("ACLUE_FIRST_DAY", before.isoformat())
    get_settings.cache_clear()

    def closed() -> list[date]:
        run("close_month")
        with demo_db.begin() as connection:
            return [row["month"] for row in query(connection, "select month from pipeline.closings")]

    assert closed() == [], "nothing was sold yet"
    with demo_db.begin() as connection:
        query(
            connection,
            """update public.affiliate_clicks set is_converted = true, actual_commission = 5, conversion_timestamp = cast(:day as date)
               where id = (select min(id::text)::uuid from public.affiliate_clicks) returning 1""",
            day=month + timedelta(days=3),
        )
    run("rebuild_revenue_and_funnel", partition_range=(before, YESTERDAY))
    with pytest.raises(
        MonthNotClosable, match=f"{before:%Y-%m} holds no sale: the first month that does is {month:%Y-%m}"
    ):
        closing.close(demo_db, CATALOG, before.replace(day=1), "test")
    assert closed() == [month]
    assert closed() == [month]


# --- preferences ------------------------------------------------------------------------------------------------------


def test_preferences_are_computed_measured_and_drawn(run, demo_db: Database) -> None:
    result = run("refresh_preferences")
    assert all(checks(result).values()), checks(result)
    assert_bounded(result)
    [profiles] = told(result, "public.user_preferences").values()
    assert profiles["profiles written"] == profiles["users recalculated"] > 0
    assert "data:image" in profiles["profiles by confidence and segment"]
    assert f"{profiles['profiles written']} profiles, from no confidence" in profiles["profiles by confidence"]
    [quality] = told(result, "analytics.preference_quality").values()
    assert "data:image" in quality["reliability: liked as often as predicted?"]
    assert 0 < quality["log_loss"] < 2
    with demo_db.begin() as connection:
        users = [str(row["id"]) for row in query(connection, "select id from auth.users")]
    said = str([event.step_materialization_data.materialization for event in result.get_asset_materialization_events()])
    assert not any(user in said for user in users), "previews hold no personal data"
    again = run("refresh_preferences")
    [profiles] = told(again, "public.user_preferences").values()
    assert profiles["profiles written"] == 0
    assert "data:image" in profiles["profiles by confidence and segment"]
    [shown] = told(again, "analytics.preference_quality").values()
    assert shown.pop("measured") != quality.pop("measured")
    assert shown == quality, "what was measured before is on the latest event too"


@pytest.mark.slow
def test_profiles_go_on_beside_a_refused_version_of_the_taste_model_and_its_check_is_red_until_a_person_pins_one(
    run, demo_db: Database
) -> None:
    assert run("refresh_preferences").success
    with demo_db.psycopg() as pg:
        pg.execute(
            """insert into pipeline.taste_models
               select '2-worse', clock_timestamp(), events, users, products, seed, parameters, vocabulary, 'refused', null,
                   '{"refused because": "it predicts worse"}' from pipeline.taste_models order by trained_at desc limit 1"""
        )
    for _ in range(2):
        result = run("refresh_preferences")
        [red] = [e for e in result.get_asset_check_evaluations() if not e.passed]
        assert (red.check_name, red.metadata["refused"].value) == ("new_version_is_not_worse", "2-worse")
        assert told(result, "public.user_preferences")
    with demo_db.psycopg() as pg:
        [(current,)] = pg.execute("select version from pipeline.current_taste_model").fetchall()
    assert current != "2-worse"
    [quality] = told(result, "analytics.preference_quality").values()
    assert (quality["newest version"], quality["scores are of version"]) == ("2-worse", current)
    assert quality["newest version is"] == f"refused: it predicts worse; profiles are computed with {current}"
    pin(demo_db, current)
    assert all(e.passed for e in run("refresh_preferences").get_asset_check_evaluations())


# --- health -----------------------------------------------------------------------------------------------------------


def test_health_finds_nothing_acute_in_a_new_database(run) -> None:
    result = run("check_health")
    assert result.success
    found = [e for e in result.get_asset_check_evaluations() if e.asset_key.path[-1] != "slow_statements"]
    assert found
    assert all(evaluation.passed for evaluation in found), found


# --- schema -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_tables_are_taken_back_and_brought_back_in_the_timeline_of_the_schema(
    run, demo_db: Database, instance: dg.DagsterInstance
) -> None:
    def done(verb: str, **config: Any) -> tuple[str, dict[str, Any]]:
        assert run(
            f"{verb}_schema", run_config={"ops": {verb: {"config": {"database": demo_db.name, **config}}}}
        ).success
        record = instance.get_latest_data_version_record(dg.AssetKey("schema"))
        observed = record.event_log_entry.asset_observation
        return observed.data_version, {name: value.value for name, value in observed.metadata.items()}

    before, _ = done("rollback", tables=["user_preferences"])
    after, said = done("rollback")
    assert (said["retired"].count(","), said["into"], after != before) == (3, "aclue_retired_2", True)
    assert done("restore", number=1)[1]["restored"] == "user_preferences"
    assert done("restore")[1]["restored"].startswith("affiliate_clicks, ")
    assert done("purge")[1]["dropped"] == "nothing"
    with pytest.raises(SettingsError, match="names the database production"):
        run("rollback_schema", run_config={"ops": {"rollback": {"config": {"database": "production"}}}})


def test_deploying_ends_with_an_observation_and_its_checks(
    run, demo_db: Database, instance: dg.DagsterInstance
) -> None:
    result = run("deploy_schema", run_config={"ops": {"deploy": {"config": {"database": demo_db.name}}}})
    assert result.success
    assert_bounded(result)
    record = instance.get_latest_data_version_record(dg.AssetKey("schema"))
    assert record is not None
    from aclue_pipeline.schema import fingerprint

    with demo_db.begin() as connection:
        assert record.event_log_entry.asset_observation.tags["dagster/data_version"] == fingerprint(connection)
    seen = record.event_log_entry.asset_observation.metadata
    assert f"deploy by {person()} (database role " in seen["last deployment"].value
    steps = [step.data for step in seen["steps of the last deployment"].records]
    assert {"step": "table affiliate_clicks", "outcome": "done"} in steps
    assert {"step": "constraint user_id_fkey of affiliate_clicks", "outcome": "done"} in steps
    assert "[affiliate_clicks](/atlas#public.affiliate_clicks)" in seen["SQL of the tables"].value
    found = checks(result)
    assert found
    assert all(found.values()), found


def test_deploying_to_another_database_than_the_named_is_refused(run, demo_db: Database) -> None:
    with pytest.raises(SettingsError, match="name the one you mean"):
        run("deploy_schema", run_config={"ops": {"deploy": {"config": {"database": "production"}}}})


def test_a_deployment_must_name_its_database(run) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="database"):
        run("deploy_schema", run_config={"ops": {"deploy": {"config": {}}}})


def test_every_criterion_is_a_check_with_evidence(run) -> None:
    result = run("verify_schema")
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) >= 10
    for evaluation in evaluations:
        assert evaluation.passed, evaluation
        assert evaluation.description
        assert evaluation.metadata["found"].value, "all that a run's log says of it"


@pytest.mark.slow
def test_what_cannot_be_judged_is_a_warning_where_it_does_not_block_and_an_error_where_it_does(
    run, demo_db: Database
) -> None:
    with demo_db.psycopg() as pg:
        pg.execute("lock table public.affiliate_clicks in access exclusive mode")
        found = run("verify_schema", raise_on_error=False).get_asset_check_evaluations()
    unjudged = {e.check_name: e.severity.value for e in found if "outcome" in e.metadata}
    assert (unjudged["user_data_isolated"], unjudged["index_usage"]) == ("ERROR", "WARN")
    assert all(e.description.startswith("not judged: ") for e in found if e.check_name in unjudged)
    assert not any(e.passed for e in found if e.check_name in unjudged)


def test_a_broken_policy_turns_one_check_red_with_its_remedy(run, demo_db: Database) -> None:
    from aclue_pipeline.demo.breaks import break_

    break_(demo_db, "policy")
    found = run("verify_schema", raise_on_error=False).get_asset_check_evaluations()
    [red] = [evaluation for evaluation in found if not evaluation.passed]
    assert red.metadata["remedy"].value.startswith("aclue deploy")


# --- sources ----------------------------------------------------------------------------------------------------------


def versions(instance: dg.DagsterInstance) -> dict[str, str]:
    found = {}
    for table in CATALOG.tables:
        record = instance.get_latest_data_version_record(key(table))
        if record is not None and record.event_log_entry.asset_observation is not None:
            found[table] = record.event_log_entry.asset_observation.tags["dagster/data_version"]
    return found


def write_to_products(database: Database) -> None:
    with database.psycopg() as pg:
        pg.execute(
            "update public.products set title = title || '!' where id = (select min(id::text)::uuid from public.products)"
        )
        pg.execute("select pg_stat_force_next_flush()")
    database.close()


@pytest.mark.slow
def test_a_source_has_a_new_version_only_when_it_was_written_to(
    run, demo_db: Database, instance: dg.DagsterInstance
) -> None:
    run("observe")
    first = versions(instance)
    run("verify_schema")  # writes, and takes it back
    run("observe")
    assert versions(instance) == first
    write_to_products(demo_db)
    run("observe")
    assert [table for table, version in versions(instance).items() if version != first[table]] == ["public.products"]


def unsynced(instance: dg.DagsterInstance) -> set[str]:
    """Tables that the UI marks as out of date."""
    graph = build_defs(CATALOG).resolve_asset_graph()
    statuses = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    keys = graph.get_all_asset_keys()
    return {".".join(key.path) for key in keys if statuses.get_status(key) is StaleStatus.STALE}


@pytest.mark.slow
def test_no_view_is_ever_marked_as_out_of_date_and_what_is_kept_only_where_what_it_reads_changed(
    run, demo_db: Database, instance: dg.DagsterInstance
) -> None:
    whole = build_defs(CATALOG, database=demo_db).resolve_implicit_global_asset_job_def()
    views = [key(table.key) for table in CATALOG.room("staging", "view")]
    for view in views:  # as releases before 0.2.0 left them
        instance.report_runless_asset_event(dg.AssetMaterialization(view, tags={"dagster/data_version": "0.1.0"}))
    run("observe")
    assert whole.execute_in_process(
        instance=instance, asset_selection=[*views, *(key(table.key) for table in CATALOG.room("staging", "facts"))]
    ).success
    run("observe")
    run("sync_facts")
    assert unsynced(instance) == set(), "looked at, and the same"
    write_to_products(demo_db)
    run("observe")
    assert unsynced(instance) == set(), "a view shows what is there now"
    whole.execute_in_process(instance=instance, asset_selection=views)
    assert unsynced(instance) == {"staging.click_facts", "staging.product_facts"}, "kept since before"


@pytest.mark.slow
def test_a_large_source_is_not_read_and_still_has_versions(
    run, demo_db: Database, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aclue_pipeline.sources.version.READ_BELOW", -1)
    told = run("observe").get_asset_observation_events()
    first = versions(instance)
    again = run("observe").get_asset_observation_events()
    assert versions(instance) == first

    def said(events: list[dg.DagsterEvent]) -> set[str]:
        return {name for event in events for name in event.asset_observation_data.asset_observation.metadata}

    assert said(told) > {"deployed", "rows are"}
    of_schema = {"tables", "differs from what is declared", "last deployment", "last deployment at"}
    assert said(again) == {"dagster/row_count"} | of_schema, (
        "what is as it was says how many rows there are, and no more"
    )
    write_to_products(demo_db)
    run("observe")
    assert [table for table, version in versions(instance).items() if version != first[table]] == ["public.products"]


def test_a_missing_column_blocks_what_reads_it_and_names_the_repair(run, demo_db: Database) -> None:
    with demo_db.psycopg() as pg:
        pg.execute("drop view if exists staging.swipes cascade")
        pg.execute("alter table public.swipe_sessions rename column recipient_relationship to relationship")
    result = run("refresh_preferences", raise_on_error=False)
    assert not result.success
    [red] = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert (red.asset_key, red.check_name) == (key("public.swipe_sessions"), "contract")
    assert red.metadata["missing columns"].value == ["recipient_relationship"]
    assert red.description == "missing: recipient_relationship"
    [failed] = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert "contract of public.swipe_sessions: missing: recipient_relationship (public" in failed.error.message
    assert "swipe_sessions" in failed.user_failure_data.description
    assert "relationship" in red.metadata["further columns"].value
    assert red.metadata["remedy"].value
    skipped = {e.step_key for e in result.all_events if e.event_type_value in ("STEP_SKIPPED", "STEP_FAILURE")}
    started = {e.step_key for e in result.all_events if e.event_type_value == "STEP_START"}
    assert "staging__swipes" not in started
    assert "user_preferences" not in started
    assert skipped


def test_stale_sources_warn_and_do_not_block(run, demo_db: Database) -> None:
    with demo_db.psycopg() as pg:
        pg.execute("update public.swipe_interactions set swipe_timestamp = swipe_timestamp - interval '1 year'")
    result = run("check_sources")
    assert result.success
    [red] = [e for e in result.get_asset_check_evaluations() if not e.passed and e.check_name != "every_day"]
    assert (red.check_name, red.severity) == ("freshness", dg.AssetCheckSeverity.WARN)
    assert red.metadata["hours old"].value > 24 * 300


def test_one_swipe_at_the_end_of_time_hides_no_staleness_and_stops_no_check(run, demo_db: Database) -> None:
    with demo_db.psycopg() as pg:
        pg.execute("update public.swipe_interactions set swipe_timestamp = swipe_timestamp - interval '1 year'")
        for at in ("infinity", "294276-12-31", "-infinity", "4713-01-01 BC"):
            pg.execute(
                """insert into public.swipe_interactions (user_id, product_id, swipe_direction, swipe_timestamp)
                   select user_id, product_id, swipe_direction, %s from public.swipe_interactions limit 1""",
                [at],
            )
    result = run("check_sources")
    assert result.success
    red = {e.check_name: e for e in result.get_asset_check_evaluations() if not e.passed}
    assert red["freshness"].metadata["hours old"].value > 24 * 300


@pytest.mark.slow
def test_an_empty_table_is_not_stale_and_a_run_by_hand_belongs_to_its_job(
    deployed_db: Database, instance: dg.DagsterInstance
) -> None:
    result = run_job("check_sources", instance, database=deployed_db)
    # By this tag the UI lists the runs of a job, and by the origin it runs one again.
    (run,) = instance.get_runs(
        dg.RunsFilter([result.run_id], tags={".dagster/repository": "__repository__@aclue_pipeline"})
    )
    assert run.remote_job_origin is not None
    assert (run.remote_job_origin.location_name, run.remote_job_origin.job_name) == (LOCATION, "check_sources")
    fresh = [e for e in result.get_asset_check_evaluations() if e.check_name == "freshness"]
    assert all(e.passed and "nothing to judge yet" in e.description for e in fresh)


@pytest.mark.slow
def test_on_a_project_where_nothing_happened_yet_every_job_succeeds_and_says_so(
    deployed_db: Database, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACLUE_FIRST_DAY", YESTERDAY.isoformat())
    get_settings.cache_clear()
    for job in dict.fromkeys(entry.job for entry in timetable.TIMETABLE):
        if job == timetable.PURGE.job:  # works on Dagster's own database
            continue
        days = (YESTERDAY, YESTERDAY) if job == timetable.REBUILD.job else None
        result = run_job(job, instance, days, database=deployed_db, catalog=CATALOG)
        assert all(checks(result).values()), (job, checks(result))
        if job == timetable.REFRESH.job:
            for table in ("pipeline.taste_models", "analytics.preference_quality", "public.user_preferences"):
                assert told(result, table)[None] == {"nothing to learn from yet": "no user has judged a product"}


@pytest.mark.slow
def test_days_without_rows_are_computed_too(deployed_db: Database, instance: dg.DagsterInstance) -> None:
    result = run_job(
        "rebuild_revenue_and_funnel", instance, (date(2026, 3, 28), date(2026, 3, 30)), database=deployed_db
    )
    assert result.success
    red = {check for check, passed in checks(result).items() if not passed}
    assert red == {f"{table.replace('.', '/')}:every_day" for table in DAILY}, "of years these are three days"
    assert [day["dagster/partition_row_count"] for day in told(result, "analytics.revenue_daily").values()] == [0, 0, 0]


@pytest.mark.slow
def test_the_other_catalogue_shape_keeps_its_contract(deployed_db_b: Database, instance: dg.DagsterInstance) -> None:
    result = run_job("check_sources", instance, database=deployed_db_b)
    assert all(passed for check, passed in checks(result).items() if not check.endswith(":every_day")), checks(result)


def test_ctrl_c_leaves_no_run_waiting(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pressed between the run's record and its first event: the UI waited half a minute for such a run."""
    recorded = instance.create_run_for_job

    def pressed(**of: Any) -> dg.DagsterRun:
        run = recorded(**of)
        signal.raise_signal(signal.SIGINT)
        return run

    monkeypatch.setattr(instance, "create_run_for_job", pressed)
    with pytest.raises(KeyboardInterrupt):
        run_job("observe", instance, catalog=CATALOG)
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]
