"""Versions of the taste model: which one is current, and who decides that."""

import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from aclue_pipeline import preferences
from aclue_pipeline.checks import ask
from aclue_pipeline.cli import aclue
from aclue_pipeline.errors import AlreadyRunning, MissingPrerequisite, NothingFound, VerificationFailed
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.locks import advisory_lock
from aclue_pipeline.preferences import store, versions
from aclue_pipeline.preferences.arrays import Events
from aclue_pipeline.preferences.baselines import BASELINES
from aclue_pipeline.preferences.card import entries
from aclue_pipeline.preferences.figures import measured
from aclue_pipeline.preferences.judging import Fitted, Verdict
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.preferences.database import profiles_in, scalar, stock
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


@pytest.fixture
def shop(databases: Databases) -> Database:
    """A stocked shop with an accepted model and profiles."""
    db = databases.copy("profiled_shop")
    preferences.unpin(db)
    accept(db)
    return db


@pytest.fixture
def named(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's database is the one that commands mean."""
    monkeypatch.setenv("ACLUE_DATABASE_URL", shop.url)
    get_settings.cache_clear()


def accept(db: Database) -> None:
    """The newest version, as its judge might have."""
    with db.psycopg() as pg:
        pg.execute("update pipeline.taste_models set status = 'accepted' where status = 'candidate'")


def current(db: Database) -> str:
    return str(scalar(db, "select version from pipeline.current_taste_model"))


def test_after_a_rollback_the_old_rows_are_back_to_the_bit(shop: Database) -> None:
    first, before = current(shop), profiles_in(shop)
    preferences.train(shop, half_life_days=20)
    accept(shop)
    preferences.recalculate(shop)
    assert profiles_in(shop) != before
    assert preferences.roll_back(shop) == first
    assert preferences.recalculate(shop).users == len(before)
    assert profiles_in(shop) == before
    assert preferences.recalculate(shop, full=True).published.written == 0


def test_a_pinned_version_stays_current_until_it_is_unpinned(shop: Database) -> None:
    first = current(shop)
    assert preferences.pin(shop, first) == first
    second = preferences.train(shop, half_life_days=20).version
    accept(shop)
    assert current(shop) == first
    assert preferences.unpin(shop) == current(shop) == second
    preferences.pin(shop, first)
    preferences.pin(shop, second)
    assert [one["version"] for one in preferences.kept_versions(shop) if one["pinned_at"]] == [second]


def test_the_current_version_is_not_forgotten_however_old_it_is(shop: Database) -> None:
    first = current(shop)
    preferences.pin(shop, first)
    for days in (100, 110, 120, 130):
        preferences.train(shop, half_life_days=days)
    kept = [one["version"] for one in preferences.kept_versions(shop)]
    assert len(kept) == store.VERSIONS_KEPT + 1
    assert kept[-1] == first
    assert scalar(shop, "select count(distinct model_version) from pipeline.taste_items") == len(kept)
    assert preferences.recalculate(shop).users == 0


def test_what_cannot_be_rolled_back_to_is_one_line_that_says_what_to_do(shop: Database) -> None:
    first = current(shop)
    with pytest.raises(NothingFound, match=f"no accepted version before {first}"):
        preferences.roll_back(shop)
    with pytest.raises(NothingFound, match="aclue preferences versions"):
        preferences.pin(shop, "1-000000000000")
    second = preferences.train(shop, half_life_days=20).version
    accept(shop)
    preferences.pin(shop, first)
    with pytest.raises(NothingFound, match=f"aclue preferences pin {second}"):
        preferences.roll_back(shop, second)
    assert current(shop) == first


@pytest.mark.slow
@pytest.mark.usefixtures("named")
def test_the_commands_list_show_pin_and_roll_back(shop: Database) -> None:
    first = current(shop)
    second = preferences.train(shop, half_life_days=20).version
    accept(shop)

    def said(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(aclue, ["preferences", *arguments])
        assert done.exit_code == code, done.output
        return done.stdout

    listed = said("versions").splitlines()
    assert [line.split()[:2] for line in listed[1:3]] == [["*", second], [first, "accepted"]]
    assert json.loads(said("rollback", "--yes", "--json")) == {"current": first, "before": second, "pinned": True}
    assert f"{first}: accepted, pinned, the current one" in said("versions", first)
    assert "half-life in days" in said("versions", first)
    assert json.loads(said("versions", "--json"))[1]["is_current"] is True
    assert f"current version: {second}, not pinned (was {first})" in said("unpin", "--yes")
    assert f"current version: {first}, pinned (was {second})" in said("pin", first, "--yes")


# --- judged -------------------------------------------------------------------------------------------------------------


def statuses(db: Database) -> dict[str, str]:
    return {one["version"]: one["status"] for one in preferences.kept_versions(db)}


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What the judge finds from now on; how it finds it is tried in test_judging.py."""
    says: dict[str, str | None] = {"refused": None}
    real = versions.judge

    def told(*arguments: Any) -> Verdict:
        return replace(real(*arguments), refused=says["refused"])

    monkeypatch.setattr(versions, "judge", told)
    return says


@pytest.mark.slow
def test_a_new_version_is_a_candidate_until_it_is_judged(shop: Database, verdicts: dict[str, str | None]) -> None:
    first = current(shop)
    second = preferences.train(shop, half_life_days=20).version
    assert statuses(shop) == {first: "accepted", second: "candidate"}
    assert current(shop) == first
    assert preferences.ensure_judged(shop)
    assert current(shop) == second
    card = preferences.kept_versions(shop)[0]["card"]
    assert card["predicts"]["users"]["judgements"] > 0
    assert card["half-life in days"] == 20
    with shop.psycopg() as pg:
        days = pg.execute("select min(at)::date::text, max(at)::date::text from pipeline.signals").fetchone()
    assert (card["first event"], card["last event"]) == days
    told = dict(entries(card))
    assert (
        told["predicts: each user's latest judgements: judgements"]
        >= told["predicts: each user's latest judgements: users asked"]
        > 0
    )
    assert next(iter(told)).startswith("predicts: each user"), "how good it is comes first"
    assert not [name for name in told if "_" in name or "users: users" in name]
    preferences.train(shop, half_life_days=10)
    preferences.evaluate(shop)
    assert preferences.kept_versions(shop)[0]["card"]["the version before"] == {
        "version": second,
        "predicts": card["predicts"],
    }
    assert not preferences.ensure_judged(shop)


def test_candidate_and_current_version_are_fitted_anew_each_by_its_own_weights(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def told(events: Events, candidate: Fitted, current: Fitted, *_: Any) -> Verdict:
        found.extend(fitted(events).parameters for fitted in (candidate, current))
        raise InterruptedError

    monkeypatch.setattr(versions, "judge", told)
    preferences.train(shop, half_life_days=20)
    with shop.psycopg() as pg:
        pg.execute(
            """update pipeline.taste_models
               set parameters = parameters || '{"time_gain": 1.2, "source_weight": [1, 3, 1, 0.5, 1, 0.4]}' where status = 'accepted'"""
        )
    with pytest.raises(InterruptedError):
        preferences.evaluate(shop)
    assert [(p.half_life_days, p.time_gain, p.source_weight[1]) for p in found] == [(20, 0.4, 1.6), (180, 1.2, 3)]


def test_versions_are_trained_and_judged_by_one_at_a_time(shop: Database) -> None:
    for work in (preferences.train, preferences.evaluate):
        with (
            shop.autocommit() as lock,
            advisory_lock(lock, "training or judging of a taste model"),
            pytest.raises(AlreadyRunning, match="wait"),
        ):
            work(shop)


def test_nothing_is_fitted_in_a_transaction(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    real, open_while_fitting = versions.fit, []

    def watched(*arguments: Any) -> Any:
        open_while_fitting.append(
            scalar(
                shop,
                """select count(*) from pg_stat_activity
                   where datname = current_database() and state = 'idle in transaction' and pid <> pg_backend_pid()""",
            )
        )
        return real(*arguments)

    monkeypatch.setattr(versions, "fit", watched)
    preferences.train(shop, half_life_days=20)
    assert open_while_fitting == [0]


@pytest.mark.slow
def test_what_a_person_decides_while_a_candidate_is_judged_stands(
    shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = preferences.train(shop, half_life_days=20).version
    real = versions.judge

    def late(*arguments: Any) -> Verdict:
        with shop.psycopg() as pg:
            pg.execute("update pipeline.taste_models set status = 'refused' where version = %s", [second])
        return replace(real(*arguments), refused=None)

    monkeypatch.setattr(versions, "judge", late)
    preferences.evaluate(shop)
    assert statuses(shop)[second] == "refused"


def test_where_there_is_no_version_nothing_is_measured_and_the_command_that_trains_one_is_named(
    deployed_db: Database,
) -> None:
    stock(deployed_db)
    with pytest.raises(MissingPrerequisite, match="aclue preferences train"):
        preferences.evaluate(deployed_db)


@pytest.mark.slow
def test_beside_a_new_version_the_pinned_one_is_measured_if_nobody_has(
    shop: Database, verdicts: dict[str, str | None]
) -> None:
    first = current(shop)
    preferences.pin(shop, first)
    second = preferences.train(shop, half_life_days=20).version
    assert preferences.ensure_judged(shop)
    assert statuses(shop)[second] == "accepted"
    assert {row["model_version"] for row in measured(shop)} == {first}
    assert not preferences.ensure_judged(shop)


def test_a_new_version_is_due_once_a_quarter_more_signals_went_into_profiles(shop: Database) -> None:
    with shop.psycopg() as pg:
        pg.execute(
            """insert into public.swipe_interactions (user_id, product_id, swipe_direction, swipe_timestamp)
               select user_id, product_id, swipe_direction, swipe_timestamp + interval '1 hour' from public.swipe_interactions limit 600"""
        )
    assert not preferences.ensure_model(shop).is_new, "signals are not counted at every run"
    preferences.recalculate(shop)
    assert preferences.ensure_model(shop).is_new


@pytest.mark.slow
@pytest.mark.usefixtures("named")
def test_a_refused_version_is_red_with_its_reason_and_profiles_stay_with_the_current_one(
    shop: Database, verdicts: dict[str, str | None]
) -> None:
    first, before = current(shop), profiles_in(shop)
    check = next(file for file in CATALOG.checks if file.name == "new_version_is_not_worse")
    assert check.severity == "error"
    assert ask(shop, check).passed
    second = preferences.train(shop, half_life_days=20).version
    verdicts["refused"] = "its log-loss is worse"
    told = CliRunner().invoke(aclue, ["preferences", "evaluate", "--yes"])
    assert isinstance(told.exception, VerificationFailed), told.output
    assert told.stdout.startswith(f"measured: version {second}, newest, a candidate until now")
    assert f"version {second}: refused" in told.stdout
    assert "its log-loss is worse" in str(told.exception)
    again = CliRunner().invoke(aclue, ["preferences", "evaluate", "--yes", "--json"])
    assert json.loads(again.stdout)["version"] == first, "no candidate is left: the current version is measured"
    assert f"aclue preferences pin {second}" in str(told.exception)
    assert statuses(shop) == {first: "accepted", second: "refused"}
    found = ask(shop, check)
    assert found.outcome == "failed"
    assert all(part in found.says for part in (first, second, "its log-loss is worse"))
    assert preferences.recalculate(shop, full=True).published.written == 0
    assert profiles_in(shop) == before
    assert not preferences.train(shop, half_life_days=20).is_new
    assert statuses(shop)[second] == "refused", "the same data give the same version, and the same verdict"
    assert preferences.pin(shop, second) == first
    assert ask(shop, check).passed
    assert preferences.recalculate(shop).users == len(before)


@pytest.mark.slow
def test_where_nothing_stands_and_nothing_can_be_learned_yet_the_best_baseline_stands_in(
    deployed_db: Database, verdicts: dict[str, str | None]
) -> None:
    stock(deployed_db)
    candidate = preferences.train(deployed_db).version
    verdicts["refused"] = "too few"
    preferences.evaluate(deployed_db)
    zero = current(deployed_db)
    assert zero.endswith("-0")
    assert statuses(deployed_db) == {zero: "accepted", candidate: "refused"}
    assert {one["version"]: one for one in preferences.kept_versions(deployed_db)}[zero]["card"][
        "stands in for"
    ] in BASELINES
    assert preferences.recalculate(deployed_db, full=True).published.written > 0
    assert all(ask(deployed_db, file).passed for file in CATALOG.checks if file.room == "preferences")
    assert {row["predictor"] for row in measured(deployed_db)} == {"profile", *BASELINES}
    assert not preferences.ensure_judged(deployed_db)
    assert preferences.ensure_model(deployed_db).version == zero, "not trained again before there are more signals"
    check = next(file for file in CATALOG.checks if file.name == "new_version_is_not_worse")
    assert not preferences.train(deployed_db).is_new
    assert ask(deployed_db, check).passed, "training again in vain changes nothing"
    preferences.train(deployed_db, half_life_days=20)
    preferences.evaluate(deployed_db)
    assert current(deployed_db).endswith("-0")
    assert ask(deployed_db, check).passed, "there are still too few"
    preferences.train(deployed_db, half_life_days=30)
    verdicts["refused"] = None
    preferences.evaluate(deployed_db)
    assert not current(deployed_db).endswith("-0")


def test_the_shop_of_the_tests_is_green_whatever_its_judge_says(deployed_db: Database) -> None:
    stock(deployed_db)
    preferences.ensure_model(deployed_db)
    preferences.ensure_judged(deployed_db)
    preferences.recalculate(deployed_db)
    assert all(ask(deployed_db, file).passed for file in CATALOG.checks if file.room == "preferences")
