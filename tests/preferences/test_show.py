"""`aclue preferences show`: a profile as a person reads it."""

import pytest

from aclue_pipeline.cli.preferences import _readable


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("brand_scores", {"Acme": 0.4, "Ember": 0.9, "Loom": 0.5}, "Ember 0.9, Loom 0.5, Acme 0.4"),
        ("price_range", {"max": 30, "min": 5, "sweet_spot": 12}, "min 5, sweet_spot 12, max 30"),
        ("brand_scores", {"a": "x", "b": 0.5, "c": None, "d": True}, "b 0.5, a x, d True, c None"),
        ("brand_scores", {"\x1b[2Jgone\n": 1}, "\\x1b[2Jgone\\n 1"),
        ("liked_brands", ["\x1b]0;mine\x07"], ["\x1b]0;mine\x07"]),
        ("ml_features", {"weights": [0.1]}, "for programs: see --json"),
        ("embedding_vector", None, None),
        ("total_swipes", 10, 10),
    ],
)
def test_scores_come_highest_first_and_prices_lowest_first(name: str, value: object, shown: object) -> None:
    assert _readable(name, value) == shown
