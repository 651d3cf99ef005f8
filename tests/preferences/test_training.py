"""What training is made of: the moments it learns from, the link, its calibration."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from aclue_pipeline.preferences import linking, training
from aclue_pipeline.preferences.arrays import DAY, DISLIKE, EVENT_COLUMNS, LIKE, Events, sigmoid
from aclue_pipeline.preferences.catalogue import items_of
from aclue_pipeline.preferences.evidence import Weighing, judged_of
from aclue_pipeline.preferences.model import COUNTS, PARTS
from aclue_pipeline.preferences.training import train
from tests.preferences.conftest import START, World, catalogue_rows, ids_of, make_events


def test_what_is_asked_for_is_later_than_what_is_known_and_every_late_event_is_asked_once(world: World) -> None:
    events = world.events
    for moments in (linking.of_users(events), linking.of_calendar(events)):
        times = np.zeros(len(events))
        for known, asked in moments:
            assert not (known & asked).any()
            times += asked
        assert times.max() == 1
    known, asked = next(linking.of_calendar(events))
    assert events.at[known].max() < events.at[asked].min()
    known, asked = next(linking.of_users(events))
    for user in np.unique(events.user[asked]):
        assert events.at[known & (events.user == user)].max(initial=0) <= events.at[asked & (events.user == user)].min()


def test_the_link_is_learned_from_whole_users_and_from_one_at_least(world: World) -> None:
    count = np.bincount(world.events.user)
    some = np.bincount(linking.some_users(world.events, 1000, seed=1).user, minlength=len(count))
    assert 900 < some.sum() <= 1000
    assert set(zip(some[some > 0], count[some > 0], strict=True)) == {(n, n) for n in some[some > 0]}
    assert len(linking.some_users(world.events, 0, seed=1)) > 0


def test_the_link_finds_what_likes_were_made_of_and_nothing_negative_but_counts() -> None:
    random = np.random.default_rng(1)
    made = random.normal(size=(40_000, len(PARTS)))
    true = np.where(np.array(PARTS) == "style", -0.7, 0.0) + np.where(np.array(PARTS) == "vector", 0.8, 0.0)
    true[PARTS.index("log_user")] = -0.4
    like = (random.random(len(made)) < sigmoid(0.3 + made @ true)).astype(float)
    link = linking.regression(made, like, np.ones(len(made)))
    found = dict(zip(PARTS, link[1:], strict=True))
    assert abs(found["vector"] - 0.8) < 0.1
    assert abs(found["log_user"] + 0.4) < 0.05
    assert min(weight for part, weight in found.items() if part not in COUNTS) == 0 == found["style"]


def test_what_the_next_five_say_counts_in_full_and_what_more_a_user_says_by_its_root(world: World) -> None:
    nothing = np.zeros(len(world.events), bool)
    _, like, fair = linking._lesson(world.model, world.events, nothing, ~nothing)
    user = judged_of(world.events).user
    assert len(user) == len(like)
    asked = np.bincount(user)[user]
    assert asked.min() <= 5 < asked.max()
    assert np.allclose(fair, np.where(asked <= 5, 1.0, np.sqrt(5 / asked)))


@pytest.mark.parametrize(("of_products", "of_users"), [(2.0, 0.25), (0.12, 4.0)])
def test_how_far_products_and_users_lie_apart_is_found_though_each_was_judged_a_few_times(
    world: World, of_products: float, of_users: float
) -> None:
    """Twelve judgements of each product, three of each user: the likeliest variances are 1.1 and 0.2, and 0.1 and 2.1."""
    users, each, products = 1200, 3, 300
    random = np.random.default_rng(6)
    user, item = np.repeat(np.arange(users), each), random.permutation(np.arange(users * each) % products)
    taste = random.normal(0, of_products**0.5, products)[item] + random.normal(0, of_users**0.5, users)[user]
    value = np.where(random.random(len(user)) < sigmoid(taste), 1.0, -1.0)
    columns = {name: np.repeat(getattr(world.events, name)[:1], len(user), axis=0) for name in EVENT_COLUMNS}
    columns |= {"user": user, "item": item, "at": START + np.arange(len(user)), "value": value}
    columns |= {"source": np.where(value > 0, LIKE, DISLIKE), "price_only": np.zeros(len(user), bool)}
    catalogue, _ = items_of(ids_of(np.arange(products)), catalogue_rows(products), world.vocabulary)
    events, later = Events(users, **columns), np.arange(len(user)) % each == each - 1
    found = training._spreads(events.take(~later), judged_of(events.take(later)), catalogue, world.vocabulary)
    assert abs(np.log2(found.items / of_products)) <= 1
    assert abs(np.log2(found.users / of_users)) <= 1


def test_a_fitted_weight_says_more_of_a_user_and_moves_no_product(world: World) -> None:
    """Weights are fitted while products stay: applied to those too, they cost .002 to .004 on MovieTweetings."""
    usual = Weighing(half_life_days=180.0)
    fitted = usual.stating(np.where(np.arange(8) == 1, 6.4, usual.stated()))
    one, other = (training.fit(world.events, world.items, world.vocabulary, by, 1) for by in (usual, fitted))
    assert one.items.offset.tobytes() == other.items.offset.tobytes()
    assert one.items.vector.tobytes() == other.items.vector.tobytes()
    assert other.parameters.source_weight[1] == 6.4
    assert other.parameters.weight_scale < one.parameters.weight_scale


def test_calibration_straightens_what_is_said_of_the_known_and_is_none_where_little_was_asked() -> None:
    random = np.random.default_rng(2)
    said = random.normal(size=50_000)
    like = (random.random(len(said)) < sigmoid(0.2 + 1.3 * said)).astype(float)
    assert np.allclose(linking._calibration(said, np.ones(len(said)), like), [0.2, 0.3], atol=0.03)
    assert np.abs(linking._calibration(said[:20], np.ones(20), like[:20])).max() < 0.15
    assert linking._calibration(said, np.zeros(len(said)), like).tolist() == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("turns", [True, False])
def test_the_half_life_is_short_where_tastes_turn_and_the_usual_or_longer_where_they_stay(
    world: World, turns: bool
) -> None:
    """Likes of one category in four, which is another one every fifty days, or never."""
    users, each = 250, 80
    random = np.random.default_rng(5)
    events = make_events(1, world.items, world.vocabulary, seed=5, most=users * each * 2 + 2)
    events = events.take(np.arange(len(events)) < users * each)
    user, day = np.repeat(np.arange(users), each), np.tile(np.sort(random.uniform(0, 400, each)), users)
    item = random.integers(0, len(world.items), len(user))
    phase = (day // 50).astype(int) * turns
    like = random.random(len(user)) < np.where((item + user + phase) % 4 == 0, 0.9, 0.2)
    events = replace(
        events,
        users=users,
        user=user,
        item=item,
        at=START + (day * DAY).astype(np.int64),
        value=np.where(like, 1.0, -1.0),
        source=np.where(like, LIKE, DISLIKE),
        price_only=np.zeros(len(user), bool),
    )
    found = train(events, world.items, world.vocabulary, None, seed=3).parameters.half_life_days
    assert (found < 180) is turns
    assert train(events, world.items, world.vocabulary, 77.0, seed=3).parameters.half_life_days == 77.0


def test_of_products_that_nobody_judged_content_says_nothing() -> None:
    coefficients, intercept = training._ridge(sparse.csr_matrix(np.eye(3)), np.ones(3), np.zeros(3), 3.0)
    assert (coefficients.tolist(), intercept) == ([0.0, 0.0, 0.0], 0.0)


def test_from_answers_that_were_known_before_no_link_is_learned(world: World) -> None:
    """A hundred people judge the same product day after day, now one way, now the other."""
    days, people = 20, 100
    some = world.events.take(world.events.value != 0)
    columns = {name: np.repeat(getattr(some, name)[:1], days * people, axis=0) for name in EVENT_COLUMNS}
    at = np.tile(np.arange(days) * DAY, people) + world.events.at[0]
    value = np.random.default_rng(1).choice([-1.0, 1.0], days * people)
    columns |= {"user": np.repeat(np.arange(people), days), "at": at, "value": value}
    columns |= {"price_only": np.zeros(days * people, bool)}
    link, calibration = linking.link_of(lambda part: world.model, Events(people, **columns), seed=1)
    assert link.tolist() == linking.PLAIN_LINK.tolist()
    assert not calibration.any()


_THREADS = """
from threadpoolctl import threadpool_info
from aclue_pipeline.preferences import training

def looked(*_):
    import scipy.optimize, sklearn.cluster
    print(*(f"{library['filepath']}: {library['num_threads']}" for library in threadpool_info()), sep="\\n")
    raise SystemExit

training.some_users = looked  # which is called first
training.train(None, None, None, None, 0)
"""


@pytest.mark.slow
def test_nothing_that_a_process_loads_only_when_it_fits_sums_in_several_threads() -> None:
    """A version was another one in the process that had fitted before: its libraries were loaded when they were limited."""
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", _THREADS], env=environment, capture_output=True, text=True, check=True)
    assert {line.rsplit(": ", 1)[1] for line in done.stdout.splitlines()} == {"1"}, done.stdout
