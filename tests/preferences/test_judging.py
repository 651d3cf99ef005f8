"""Which new version may take the place of the current one: by planted differences, and on a real server what becomes of the verdict."""

from dataclasses import replace

import numpy as np
import pytest

from aclue_pipeline.preferences.arrays import Events
from aclue_pipeline.preferences.baselines import BASELINES
from aclue_pipeline.preferences.evidence import Weighing
from aclue_pipeline.preferences.judging import Fitted, as_baseline, half_width, judge
from aclue_pipeline.preferences.measures import log_loss
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.quality import by_profile, predictions
from aclue_pipeline.preferences.training import fit, split
from tests.preferences.conftest import World, make_events


@pytest.fixture(scope="module")
def events(world: World) -> Events:
    return make_events(600, world.items, world.vocabulary, seed=9)


def fitted(world: World, half_life_days: float = 180.0) -> Fitted:
    by = Weighing(half_life_days=half_life_days)
    return lambda part: fit(part, world.items, world.vocabulary, by, 2)  # what follows in training only helps


def spoiled(world: World) -> Fitted:
    """What it says is the opposite of what it found."""

    def version(part: Events) -> TasteModel:
        model = fitted(world)(part)
        return replace(model, parameters=replace(model.parameters, link=-model.parameters.link))

    return version


def test_what_is_as_good_is_accepted_and_its_blocks_are_of_users_and_of_the_calendar(
    world: World, events: Events
) -> None:
    verdict = judge(events, fitted(world), fitted(world, 170.0), must_beat=True, seed=1)
    assert verdict.refused is None
    assert set(verdict.figures) == {"users", "calendar"}
    for found in verdict.figures.values():
        assert found["log_loss"] < found["log_loss_of_best_baseline"]
        assert abs(found["log_loss"] - found["log_loss_of_current"]) <= found["chance_against_current"] + 0.01
    assert len(verdict.figures["calendar"]["intercepts_of_blocks"]) == 3
    assert verdict.quality.log_loss("profile") == pytest.approx(verdict.figures["users"]["log_loss"], abs=1e-4)


def test_what_predicts_worse_than_the_current_version_or_a_baseline_is_refused_and_says_by_how_much(
    world: World, events: Events
) -> None:
    refused = judge(events, spoiled(world), fitted(world), must_beat=False, seed=1).refused
    assert refused is not None
    assert "on blocks of users its log-loss is" in refused
    assert "on blocks of the calendar its log-loss is" in refused
    assert "of the current version" in refused
    alone = judge(events, spoiled(world), None, must_beat=False, seed=1).refused
    assert alone is not None
    assert "of the baseline" in alone


def test_nothing_held_out_is_no_reason_to_refuse_but_none_to_begin_with_either(world: World, events: Events) -> None:
    once = events.take(np.concatenate([[True], events.user[1:] != events.user[:-1]]) & (events.user < 3))
    assert judge(once, fitted(world), None, must_beat=False, seed=1).refused is None
    verdict = judge(once, fitted(world), None, must_beat=True, seed=1)
    assert verdict.refused is not None
    assert verdict.best in BASELINES


@pytest.mark.parametrize("name", BASELINES)
def test_a_version_that_stands_in_for_a_baseline_predicts_what_it_says(world: World, events: Events, name: str) -> None:
    history, future = split(events)
    model = fitted(world)(history)
    model = replace(model, parameters=replace(model.parameters, calibration=np.array([0.4, 0.3])))
    said = predictions(history, future, model)[name]
    stands_in = as_baseline(model, name)
    assert stands_in.version.endswith("-0")
    instead = by_profile(history, future, stands_in)
    assert np.ptp(said) == 0 or np.corrcoef(said, instead)[0, 1] > 0.85
    assert abs(float(np.mean(said - instead))) < 0.02
    assert len(np.unique(instead)) == 1 or name != "global_rate"
    of_user = [np.ptp(instead[future.user == user]) for user in np.unique(future.user)]
    of_item = [np.ptp(instead[future.item == item]) for item in np.unique(future.item)]
    assert max(of_user) < 1e-9 or name != "user_rate"
    assert max(of_item) < 1e-3 or name != "popularity"


def test_chance_is_that_of_users_not_of_judgements() -> None:
    random = np.random.default_rng(3)
    of_user = random.normal(0.0, 1.0, 400)
    user = np.repeat(np.arange(400), 50)
    found = half_width(user, of_user[user], seed=1)
    assert found == pytest.approx(1.96 / np.sqrt(400), rel=0.15)
    assert half_width(user, np.zeros(len(user)), seed=1) == 0.0


def test_what_is_published_of_a_stand_in_was_measured_of_it_and_not_of_the_baseline(
    world: World, events: Events
) -> None:
    verdict = judge(events, spoiled(world), None, must_beat=True, seed=1)
    before, after = split(events)
    said = by_profile(before, after, as_baseline(spoiled(world)(before), verdict.best))
    assert verdict.instead.log_loss("profile") == log_loss(after.like, said)
    assert verdict.instead.log_loss(verdict.best) == verdict.quality.log_loss(verdict.best)
