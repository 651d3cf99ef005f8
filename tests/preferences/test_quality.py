"""The measure itself, and that profiles beat what knows less."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aclue_pipeline import preferences
from aclue_pipeline.demo.load import load
from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences.arrays import FEEDBACK
from aclue_pipeline.preferences.baselines import BASELINES
from aclue_pipeline.preferences.kernel import profiles
from aclue_pipeline.preferences.measures import ece, log_loss, user_auc
from aclue_pipeline.preferences.predictor import Weights, probability
from aclue_pipeline.preferences.quality import UNSEEN, cold_curve, evaluate
from aclue_pipeline.preferences.splits import NEXT, PREFIXES, global_split, user_split
from aclue_pipeline.preferences.training import split, train
from tests.preferences.conftest import World, make_events
from tests.preferences.movielens import read

MOVIELENS = Path(__file__).parents[3] / "shared" / "data" / "movielens_small"


@pytest.mark.slow
def test_profiles_beat_every_baseline_on_people_with_tastes(world: World) -> None:
    events = make_events(1500, world.items, world.vocabulary, seed=9)
    measured = evaluate(events, world.items, world.vocabulary, 180.0, seed=2)
    for name in BASELINES:
        assert measured.log_loss("profile") < measured.log_loss(name) - 0.01
    assert measured.log_loss("profile", "heavy") < measured.log_loss("profile", "cold") or math.isnan(
        measured.log_loss("profile", "heavy")
    )


@pytest.mark.slow
@pytest.mark.skipif(
    not MOVIELENS.is_dir(), reason="MovieLens (research licence, not part of the project) is not beside the checkout"
)
@pytest.mark.parametrize(("split_by", "most_loss", "least_auc"), [("user", 0.550, 0.668), ("global", 0.637, 0.62)])
def test_profiles_predict_movielens(split_by: str, most_loss: float, least_auc: float) -> None:
    events, items, vocabulary = read(MOVIELENS)
    order = np.arange(len(events))
    asked = user_split(events.user, events.at, order) if split_by == "user" else global_split(events.at)
    past, future = events.take(~asked), events.take(asked)
    model = train(past, items, vocabulary, 180.0, seed=2)
    p = probability(Weights.of(profiles(past, model), vocabulary), future.user, future.item, model)
    like = (future.value > 0).astype(float)
    assert log_loss(like, p) <= most_loss
    assert user_auc(like, p, future.user) >= least_auc
    assert ece(like, p) < 0.03


@pytest.mark.slow
@pytest.mark.database
def test_profiles_beat_every_baseline_on_the_demo(deployed_db: Database) -> None:
    load(deployed_db)
    preferences.train(deployed_db)
    measured = preferences.evaluate(deployed_db)
    for group in ("all", "casual", "heavy"):
        for name in BASELINES:
            assert measured.log_loss("profile", group) < measured.log_loss(name, group) - 0.02


def test_no_event_of_the_future_and_no_known_answer_is_in_the_split(world: World) -> None:
    history, future = split(world.events)
    cut = {int(user): int(future.at[future.user == user].min()) for user in np.unique(future.user)}
    for user, at in zip(history.user.tolist(), history.at.tolist(), strict=True):
        assert at < cut.get(user, at + 1)
    asked = set(zip(future.user.tolist(), future.item.tolist(), strict=True))
    assert not asked & set(zip(history.user.tolist(), history.item.tolist(), strict=True))


def test_strangers_are_not_trained_on_and_the_next_five_are_asked_for(world: World) -> None:
    events = world.events
    judged = (events.value != 0) & ~events.price_only & (events.source != FEEDBACK)
    stranger = events.user % UNSEEN == UNSEEN - 1
    curve = cold_curve(events, world.items, world.vocabulary, 180.0, seed=2)
    count = np.bincount(events.user[judged & stranger], minlength=events.users)
    assert tuple(curve.after) == PREFIXES
    assert curve.n.tolist() == [int(np.clip(count - after, 0, NEXT).sum()) for after in PREFIXES]
    rank = np.array([int(judged[:row][events.user[:row] == user].sum()) for row, user in enumerate(events.user)])
    shorter = events.take(~stranger | (rank < max(PREFIXES) + NEXT))
    assert len(shorter) < len(events)
    pd.testing.assert_frame_equal(cold_curve(shorter, world.items, world.vocabulary, 180.0, seed=2), curve)
    assert curve.profile.iloc[-1] < curve.profile.iloc[0]
