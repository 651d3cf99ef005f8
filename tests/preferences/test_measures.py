"""What is asked for and how the answers are measured, against the same computed slowly in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclue_pipeline.preferences.measures import calibration, ece, ece_floor, log_loss, reliability, user_auc
from aclue_pipeline.preferences.splits import global_split, user_split
from tests.oracles import measures as oracle

#: Few users and few times, so that ties are frequent.
COLUMNS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=60)
ANSWERS = st.lists(
    st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from([0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])),
    min_size=1,
    max_size=60,
)


def columns(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(rows, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1], np.arange(len(table))


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probability = random.beta(2, 2, n)
    return (random.random(n) < probability).astype(float), probability


@given(COLUMNS)
def test_the_last_fifth_of_each_user_is_asked_for(rows: list[tuple[int, int]]) -> None:
    user, at, order = columns(rows)
    assert user_split(user, at, order).tolist() == oracle.user_split(user.tolist(), at.tolist(), order.tolist())


@given(COLUMNS, st.randoms())
def test_the_order_of_the_rows_does_not_matter_where_their_place_in_the_file_is_given(
    rows: list[tuple[int, int]], random: "np.random.Generator"
) -> None:
    user, at, order = columns(rows)
    shuffled = list(range(len(rows)))
    random.shuffle(shuffled)  # type: ignore[arg-type]
    there = np.array(shuffled, np.int64)
    assert (user_split(user[there], at[there], order[there]) == user_split(user, at, order)[there]).all()


def test_of_equal_times_the_last_in_the_file_are_asked_for() -> None:
    user = np.zeros(10, np.int64)
    assert np.flatnonzero(user_split(user, user, np.arange(10))).tolist() == [8, 9]
    assert np.flatnonzero(user_split(user, user, np.arange(10)[::-1])).tolist() == [0, 1]


@pytest.mark.parametrize(("judged", "asked"), [(0, 0), (1, 0), (2, 1), (5, 1), (9, 1), (10, 2), (14, 2), (15, 3)])
def test_a_fifth_rounded_down_and_at_least_one_from_two_on(judged: int, asked: int) -> None:
    nobody = np.zeros(judged, np.int64)
    assert user_split(nobody, np.arange(judged), np.arange(judged)).sum() == asked


@given(COLUMNS.filter(len))
def test_after_the_cut_in_time_everything_is_asked_for_and_nothing_before_it(rows: list[tuple[int, int]]) -> None:
    _, at, _ = columns(rows)
    test = global_split(at)
    assert test.tolist() == oracle.global_split(at.tolist())
    assert test.tolist() == (at > np.quantile(at, 0.8)).tolist()  # the interpolated quantile cuts at the same place


@settings(deadline=None)  # the first call imports scipy
@given(ANSWERS)
def test_the_measures_are_what_their_definitions_say(rows: list[tuple[int, bool, float]]) -> None:
    user, liked, said = (list(one) for one in zip(*rows, strict=True))
    like, probability = np.array(liked, float), np.array(said)
    assert log_loss(like, probability) == pytest.approx(oracle.log_loss(liked, said))
    assert ece(like, probability) == pytest.approx(oracle.ece(liked, said), abs=1e-12)
    area = user_auc(like, probability, np.array(user))
    if not math.isnan(area):
        assert area == pytest.approx(oracle.user_auc(liked, said, user))
    slope, intercept = calibration(like, probability)
    if not math.isnan(slope):
        assert oracle.calibration_gradient(liked, said, slope, intercept) == pytest.approx((0, 0), abs=1e-7)


def test_log_loss_and_area_of_what_can_be_told_by_heart() -> None:
    like = np.array([1.0, 0.0, 1.0, 0.0])
    sure = np.array([0.9, 0.1, 0.9, 0.1])
    user = np.array([0, 0, 1, 1])
    assert log_loss(like, np.full(4, 0.5)) == pytest.approx(math.log(2))
    assert log_loss(like, sure) == pytest.approx(-math.log(0.9))
    assert user_auc(like, sure, user) == 1
    assert user_auc(like, np.full(4, 0.3), user) == 0.5
    assert user_auc(like, 1 - sure, user) == 0
    assert ece(like, np.full(4, 0.5)) == pytest.approx(0)
    assert ece(np.ones(100), np.full(100, 0.7)) == pytest.approx(0.3)


def test_what_is_right_has_slope_1_and_what_is_too_sure_less() -> None:
    like, probability = drawn(40_000, 1)
    assert calibration(like, probability) == pytest.approx((1, 0), abs=0.04)
    odds = np.log(probability / (1 - probability))
    assert calibration(like, 1 / (1 + np.exp(-2 * odds))) == pytest.approx((0.5, 0), abs=0.04)
    assert calibration(like, 1 / (1 + np.exp(-odds - 1))) == pytest.approx((1, -1), abs=0.04)


def test_nothing_is_not_a_number_and_no_error() -> None:
    none = np.zeros(0)
    assert all(math.isnan(one) for one in (log_loss(none, none), ece(none, none), ece_floor(none)))
    assert math.isnan(user_auc(none, none, none.astype(int)))
    assert math.isnan(user_auc(np.ones(4), np.full(4, 0.9), np.array([0, 0, 1, 1])))  # nobody disliked anything
    lines = [
        calibration(none, none),
        calibration(np.ones(3), np.array([0.2, 0.5, 0.7])),  # one outcome
        calibration(np.array([0.0, 1.0]), np.array([0.5, 0.5])),  # one probability
        calibration(
            np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.8, 0.9])
        ),  # a step: the steeper, the likelier
    ]
    assert all(math.isnan(one) for line in lines for one in line)


def test_one_in_twenty_calibrated_samples_is_above_the_floor() -> None:
    probability = drawn(2_000, 2)[1]
    floor = ece_floor(probability)
    assert ece_floor(probability) == floor  # of a fixed seed
    random = np.random.default_rng(3)
    samples = [(random.random(2_000) < probability).astype(float) for _ in range(600)]
    above = np.mean([ece(like, probability) > floor for like in samples])
    assert 0.02 < above < 0.09


def test_reliability_counts_every_judgement_once() -> None:
    like, probability = drawn(1000, 4)
    bins = reliability(like, probability)
    assert bins.judgements.sum() == 1000
    assert len(bins) == 15
    assert (bins.low <= bins.observed).all()
    assert (bins.observed <= bins.high).all()
    assert ((bins.low <= bins.predicted) & (bins.predicted <= bins.high)).mean() > 0.7
    assert list(reliability(np.zeros(0), np.zeros(0)).judgements) == []
