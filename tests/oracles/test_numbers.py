"""The oracles' own arithmetic against the libraries everybody trusts."""

import statistics
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.oracles.numbers import median_seconds, rate, total, wilson


@pytest.mark.parametrize("whole", [1, 2, 3, 10, 97, 1000])
def test_wilsons_bounds_are_scipys(whole: int) -> None:
    for part in {0, 1, whole // 3, whole - 1, whole}:
        bounds = binomtest(part, whole).proportion_ci(confidence_level=0.95, method="wilson")
        assert [float(bound or 0) for bound in wilson(part, whole)] == pytest.approx(
            [bounds.low, bounds.high], abs=1e-9
        )


def test_nothing_to_divide_by_is_unknown_and_not_0() -> None:
    assert rate(0, 0) is None
    assert wilson(0, 0) == (None, None)
    assert total([None, None]) is None
    assert total([None, Decimal("0.00")]) == 0
    assert median_seconds([]) is None


@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=9))
def test_the_median_is_the_libraries(halves: list[int]) -> None:
    gaps = [timedelta(milliseconds=500 * n) for n in halves]
    assert median_seconds(gaps) == Decimal(str(statistics.median(halves) / 2))
