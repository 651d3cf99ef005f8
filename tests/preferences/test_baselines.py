"""The baselines are what their names say, and tuned."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from aclue_pipeline.preferences.baselines import BASELINES, Past, Tuned, baselines, tuned
from aclue_pipeline.preferences.splits import user_split


def shop(by_user: float, by_item: float, seed: int = 1, users: int = 300, items: int = 60, n: int = 9_000) -> Past:
    """People and products that differ by so much."""
    random = np.random.default_rng(seed)
    user, item = np.sort(random.integers(0, users, n)), random.integers(0, items, n)
    odds = 0.3 + random.normal(0, by_user, users)[user] + random.normal(0, by_item, items)[item]
    return Past(users, items, user, item, (random.random(n) < 1 / (1 + np.exp(-odds))).astype(float))


def held(past: Past) -> np.ndarray:
    order = np.arange(len(past.user))
    return user_split(past.user, order, order)


def test_rates_are_drawn_to_everybodys() -> None:
    past = Past(2, 3, np.array([0, 0, 0, 1]), np.array([0, 1, 0, 1]), np.array([1.0, 1.0, 1.0, 0.0]))
    said = baselines(past, Tuned(popularity=2, user_rate=4), np.array([0, 1, 1]), np.array([0, 1, 2]))
    rate = (3 + 1) / (4 + 2)
    assert said["global_rate"] == pytest.approx([rate] * 3)
    assert said["popularity"] == pytest.approx([(2 + 2 * rate) / 4, (1 + 2 * rate) / 4, rate])
    assert said["user_rate"] == pytest.approx([(3 + 4 * rate) / 7, 4 * rate / 5, 4 * rate / 5])
    assert tuple(said) == BASELINES


def test_user_and_item_biases_are_the_logistic_regression_of_that_name() -> None:
    past, of = shop(0.8, 0.6), Tuned(user_variance=0.7, item_variance=0.4)
    rows = np.arange(len(past.user))
    columns = np.concatenate([past.user, past.users + past.item])
    scale = np.concatenate([np.full(past.users, of.user_variance), np.full(past.items, of.item_variance)]) ** 0.5
    table = sparse.csr_matrix((scale[columns], (np.concatenate([rows, rows]), columns)))
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=2000).fit(table, past.like).predict_proba(table)[:, 1]
    assert baselines(past, of, past.user, past.item)["user_item"] == pytest.approx(theirs, abs=5e-4)


def test_each_is_tuned_to_how_much_people_and_products_differ() -> None:
    alike, apart = shop(0.0, 1.5), shop(1.5, 0.0)
    people_alike, people_apart = tuned(alike, held(alike)), tuned(apart, held(apart))
    assert people_alike.user_variance < 0.1 < 0.5 < people_apart.user_variance
    assert people_apart.item_variance < 0.1 < 0.5 < people_alike.item_variance
    assert people_alike.user_rate > people_apart.user_rate
    assert people_apart.popularity > people_alike.popularity


@pytest.mark.parametrize("like", [0.0, 1.0])
def test_where_nothing_differs_nothing_breaks(like: float) -> None:
    one = np.zeros(5, np.int64)
    past = Past(2, 2, one, np.arange(5) % 2, np.full(5, like))
    for known in (past, past.take(one > 0)):
        said = baselines(known, tuned(known, held(known)), np.array([0, 1]), np.array([0, 1]))
        assert all(((p > 0) & (p < 1)).all() for p in said.values())
