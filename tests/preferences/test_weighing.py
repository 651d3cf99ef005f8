"""How much a signal says is fitted: held against worlds in which it is known."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from aclue_pipeline.preferences.arrays import DISLIKE, LIKE, SUPER_LIKE
from aclue_pipeline.preferences.card import card_of
from aclue_pipeline.preferences.evidence import Weighing, judged_of
from aclue_pipeline.preferences.linking import of_users
from aclue_pipeline.preferences.model import Parameters
from aclue_pipeline.preferences.training import fit, train
from aclue_pipeline.preferences.weighing import CHANCE, surely_best, weighed
from benchmarks.weighing import USUAL, World, planted

NOT_THERE = [3, 4, 5, 7]  # a look, feedback and strengths


def found(world: World) -> Weighing:
    known, _ = list(of_users(world.events))[1]
    history, future = world.events.take(known), judged_of(world.events.take(~known))
    with threadpool_limits(1):
        return weighed(fit(history, world.items, world.vocabulary, USUAL, 3), history, future, 3)


@pytest.mark.slow
def test_what_a_super_like_and_a_long_look_say_is_found_where_it_was_planted_and_the_rest_stays_as_it_is() -> None:
    p = found(planted(1200, seed=5))
    assert p.stated().tolist() == [1.0, 3.2, 1.0, 0.5, 1.0, 0.4, 1.6, 1.0], "planted: a super-like 3.2, a long look 1.6"
    assert p.plausible[1, 0] > USUAL.source_weight[1] > 1.0
    assert p.plausible[6, 0] > USUAL.time_gain > 0.0
    assert p.plausible[NOT_THERE].tolist() == np.outer(USUAL.stated()[NOT_THERE], [0.25, 4.0]).tolist()


def test_thrown_dice_move_no_weight() -> None:
    world = planted(120, seed=15)
    liked = np.random.default_rng(15).random(len(world.events)) < 0.5
    liked_how = np.where(world.events.seconds > 10, SUPER_LIKE, LIKE)
    dice = replace(world.events, value=np.where(liked, 1.0, -1.0), source=np.where(liked, liked_how, DISLIKE))
    assert found(replace(world, events=dice)).stated().tolist() == USUAL.stated().tolist()


def test_what_one_user_gains_is_chance_however_much_and_what_all_gain_is_not() -> None:
    usual = np.full(500, 20.0)
    one, all_of_them = usual - 19.9 * (np.arange(500) == 7), usual - 0.1
    assert surely_best((1.0, 4.0), [usual, one], CHANCE) == (1.0, (1.0, 4.0))
    assert surely_best((1.0, 4.0), [usual, all_of_them], CHANCE) == (4.0, (4.0, 4.0))
    assert surely_best((1.0, 4.0), [usual, usual - 0.01], CHANCE)[0] == 1.0, "thrown dice gain as much"


@pytest.mark.parametrize("chance", [0.0, CHANCE])
def test_a_few_accounts_that_gain_alike_decide_nothing_for_the_many_who_do_not_care(chance: float) -> None:
    usual = np.full(1000, 20.0)
    for few, found in ((5, 1.0), (10, 1.0), (40, 4.0)):
        assert surely_best((1.0, 4.0), [usual, usual - 3.0 * (np.arange(1000) < few)], chance)[0] == found, few


def test_without_enough_to_ask_for_the_weights_are_the_usual_ones_and_the_card_says_that_anything_goes() -> None:
    world = planted(6, seed=1)
    model = train(world.events, world.items, world.vocabulary, None, 3)
    assert model.parameters.stated().tolist() == USUAL.stated().tolist()
    card = card_of(model, world.events)
    assert card["what one says"]["a long look adds"] == 0.4
    assert card["interval"]["a long look adds"] == "0.1 to 1.6"
    assert card["interval"]["half-life in days"] == "30 to 10000"
    assert "a like" not in card["interval"]
    stated = train(world.events, world.items, world.vocabulary, 77.0, 3)
    assert "half-life in days" not in card_of(stated, world.events)["interval"], "a person set it"
    stored = stated.parameters.as_dict()
    del stored["plausible"]
    assert not Parameters.from_dict(stored).plausible.any(), "of a version stored before there were any"
