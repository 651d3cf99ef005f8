"""Versions of the taste model: which one is current, and who decides that."""

import json

import pytest
from click.testing import CliRunner

from aclue_pipeline import preferences
from aclue_pipeline.cli import aclue
from aclue_pipeline.errors import NothingFound
from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences import store
from aclue_pipeline.settings import get_settings
from tests.preferences.database import profiles_in, scalar, stock

pytestmark = pytest.mark.database


@pytest.fixture
def shop(deployed_db: Database) -> Database:
    """A stocked shop with a model and profiles."""
    stock(deployed_db)
    preferences.train(deployed_db)
    preferences.recalculate(deployed_db, full=True)
    return deployed_db


def current(db: Database) -> str:
    return str(scalar(db, "select version from pipeline.current_taste_model"))


def test_after_a_rollback_the_old_rows_are_back_to_the_bit(shop: Database) -> None:
    first, before = current(shop), profiles_in(shop)
    preferences.train(shop, half_life_days=20)
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
    preferences.pin(shop, first)
    with pytest.raises(NothingFound, match=f"aclue preferences pin {second}"):
        preferences.roll_back(shop, second)
    assert current(shop) == first


def test_the_commands_list_show_pin_and_roll_back(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACLUE_DATABASE_URL", shop.url)
    get_settings.cache_clear()
    first = current(shop)
    second = preferences.train(shop, half_life_days=20).version

    def said(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(aclue, ["preferences", *arguments])
        assert done.exit_code == code, done.output
        return done.stdout

    listed = said("versions").splitlines()
    assert [line.split()[:2] for line in listed[1:3]] == [["*", second], [first, "accepted"]]
    assert json.loads(said("rollback", "--yes", "--json")) == {"current": first, "before": second, "pinned": True}
    assert f"{first}: accepted, pinned, the current one" in said("versions", first)
    assert json.loads(said("versions", "--json"))[1]["is_current"] is True
    assert f"current version: {second}, not pinned (was {first})" in said("unpin", "--yes")
    assert f"current version: {first}, pinned (was {second})" in said("pin", first, "--yes")
