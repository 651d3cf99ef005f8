"""What training is made of: the moments it learns from, the link, its calibration."""

import numpy as np

from aclue_pipeline.preferences import training
from aclue_pipeline.preferences.arrays import sigmoid
from aclue_pipeline.preferences.model import COUNTS, PARTS
from tests.preferences.conftest import World


def test_what_is_asked_for_is_later_than_what_is_known_and_every_late_event_is_asked_once(world: World) -> None:
    events = world.events
    for moments in (training._of_users(events), training._of_calendar(events)):
        times = np.zeros(len(events))
        for known, asked in moments:
            assert not (known & asked).any()
            times += asked
        assert times.max() == 1
    known, asked = next(training._of_calendar(events))
    assert events.at[known].max() < events.at[asked].min()
    known, asked = next(training._of_users(events))
    for user in np.unique(events.user[asked]):
        assert events.at[known & (events.user == user)].max(initial=0) <= events.at[asked & (events.user == user)].min()


def test_the_link_is_learned_from_whole_users_and_from_one_at_least(world: World) -> None:
    count = np.bincount(world.events.user)
    some = np.bincount(training._some_users(world.events, 1000, seed=1).user, minlength=len(count))
    assert 900 < some.sum() <= 1000
    assert set(zip(some[some > 0], count[some > 0], strict=True)) == {(n, n) for n in some[some > 0]}
    assert len(training._some_users(world.events, 0, seed=1)) > 0


def test_the_link_finds_what_likes_were_made_of_and_nothing_negative_but_counts() -> None:
    random = np.random.default_rng(1)
    made = random.normal(size=(40_000, len(PARTS)))
    true = np.where(np.array(PARTS) == "style", -0.7, 0.0) + np.where(np.array(PARTS) == "vector", 0.8, 0.0)
    true[PARTS.index("log_user")] = -0.4
    like = (random.random(len(made)) < sigmoid(0.3 + made @ true)).astype(float)
    link = training._regression(made, like, np.ones(len(made)))
    found = dict(zip(PARTS, link[1:], strict=True))
    assert abs(found["vector"] - 0.8) < 0.1
    assert abs(found["log_user"] + 0.4) < 0.05
    assert min(weight for part, weight in found.items() if part not in COUNTS) == 0 == found["style"]


def test_calibration_straightens_what_is_said_of_the_known_and_is_none_where_little_was_asked() -> None:
    random = np.random.default_rng(2)
    said = random.normal(size=50_000)
    like = (random.random(len(said)) < sigmoid(0.2 + 1.3 * said)).astype(float)
    assert np.allclose(training._calibration(said, np.ones(len(said)), like), [0.2, 0.3], atol=0.03)
    assert np.abs(training._calibration(said[:20], np.ones(20), like[:20])).max() < 0.15
    assert training._calibration(said, np.zeros(len(said)), like).tolist() == [0, 0]
