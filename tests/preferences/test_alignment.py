"""A new version's vectors and segments are as near to the previous one's as may be, and no prediction moves by it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclue_pipeline.preferences.alignment import aligned, renumbered, rotation
from aclue_pipeline.preferences.facets import RANK, SEGMENTS
from aclue_pipeline.preferences.kernel import profiles
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.quality import by_profile
from aclue_pipeline.preferences.training import split, train
from tests.preferences.conftest import World, make_events


@pytest.fixture(scope="module")
def later(world: World) -> TasteModel:
    """Trained on a few events more than the world's model, from another start, and not aligned."""
    events = world.events.take(np.arange(len(world.events)) % 50 > 0)
    return train(events, world.items, world.vocabulary, 180.0, 4)


def turned(model: TasteModel, turn: np.ndarray) -> TasteModel:
    p = model.parameters
    parameters = replace(p, content_vector=p.content_vector @ turn, centres=p.centres @ turn)
    return replace(model, parameters=parameters, items=replace(model.items, vector=model.items.vector @ turn))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_a_version_that_was_turned_is_turned_back_and_its_segments_get_their_numbers(world: World, seed: int) -> None:
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(RANK, RANK)))[0]
    found = aligned(turned(world.model, turn), world.model)
    assert np.allclose(found.items.vector, world.model.items.vector, atol=1e-9)
    before = world.model.parameters.centres
    assert np.allclose(found.parameters.centres, before, atol=1e-9)
    moved = before + random.normal(0.0, 0.01 * np.ptp(before), before.shape)
    assert (renumbered(moved[random.permutation(SEGMENTS)], before) == moved).all()
    assert np.allclose(found.parameters.content_vector, world.model.parameters.content_vector, atol=1e-9)


def test_no_prediction_moves(world: World, later: TasteModel) -> None:
    found = aligned(later, world.model)
    assert not np.allclose(found.items.vector, later.items.vector, atol=0.01)
    # A like's share of a prediction is the product of two items' vectors; words' are of the same space.
    for a, b in (
        (later.items.vector, found.items.vector),
        (later.parameters.content_vector, found.parameters.content_vector),
    ):
        assert np.allclose(a @ later.items.vector.T, b @ found.items.vector.T, rtol=0, atol=1e-9)
    history, future = split(world.events)
    before, after = by_profile(history, future, later), by_profile(history, future, found)
    assert np.abs(before - after).max() < 1e-6, "a row's vector has seven decimals"


def test_a_second_training_on_nearly_the_same_data_keeps_most_users_segment(world: World) -> None:
    events = world.events.take(np.arange(len(world.events)) % 50 > 0)
    first, (plain, second) = (
        world.model,
        (train(events, world.items, world.vocabulary, 180.0, 4, before) for before in (None, world.model)),
    )

    def apart(model: TasteModel) -> float:
        return float(np.linalg.norm(model.items.vector - first.items.vector))

    assert apart(second) < 0.3 * apart(plain)
    one, other, unaligned = (profiles(world.events, model).segment for model in (first, second, plain))
    same, by_chance = np.mean(one == other), np.mean(one == unaligned)
    assert same > 0.8 > by_chance, (same, by_chance)


def test_training_again_on_the_same_data_gives_the_same_version_whatever_came_before(
    world: World, later: TasteModel
) -> None:
    first = train(world.events, world.items, world.vocabulary, 180.0, 3, later)
    assert first.version != world.model.version
    again = train(world.events, world.items, world.vocabulary, 180.0, 3, first)
    assert again.version == first.version


def test_products_of_one_version_alone_and_versions_without_vectors_are_no_trouble(world: World) -> None:
    model = world.model
    some = replace(
        model.items, **{name: getattr(model.items, name)[:40] for name in ("ids", "vector", "offset", "count")}
    )
    assert np.allclose(aligned(model, replace(model, items=some)).items.vector, model.items.vector, atol=1e-9)
    nothing = replace(model, items=replace(model.items, vector=np.zeros_like(model.items.vector)))
    for a, b in ((model, nothing), (nothing, model), (nothing, nothing)):
        assert np.isfinite(aligned(a, b).items.vector).all()
    assert aligned(model, None) is model


def test_no_other_rotation_comes_nearer() -> None:
    random = np.random.default_rng(5)
    a, b = random.normal(size=(40, 5)), random.normal(size=(40, 5))
    best = np.linalg.norm(a @ rotation(a, b) - b)
    for _ in range(200):
        other = np.linalg.qr(random.normal(size=(5, 5)))[0]
        assert np.linalg.norm(a @ other - b) >= best - 1e-9


def test_unlike_worlds_are_aligned_too(world: World) -> None:
    events = make_events(300, world.items, world.vocabulary, seed=77)
    other = train(events, world.items, world.vocabulary, 90.0, 5, world.model)
    plain = train(events, world.items, world.vocabulary, 90.0, 5)
    gram = plain.items.vector @ plain.items.vector.T
    assert np.allclose(other.items.vector @ other.items.vector.T, gram, atol=1e-9)
