"""What a profile promises: it depends on its own user only, to the bit; more evidence moves it the right way; and it is what
the rules say, computed a second time in plain Python."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from aclue_pipeline.preferences.arrays import DAY, DISLIKE, EVENT_COLUMNS, LIKE, Events, by_odds
from aclue_pipeline.preferences.evidence import Weighing, judgements
from aclue_pipeline.preferences.facets import FACETS, KIND, PROFILE_LIMIT
from aclue_pipeline.preferences.kernel import Profiles, profiles, sensitivity
from aclue_pipeline.preferences.model import COUNTS, EVIDENCE, PARTS
from aclue_pipeline.preferences.predictor import Weights, probability
from aclue_pipeline.preferences.training import train
from tests.oracles import preferences as oracle
from tests.preferences.conftest import START, World, make_events, of_users

CATEGORY = KIND["category"]


def same_bits(a: Profiles, user_a: int, b: Profiles, user_b: int) -> bool:
    """Whether one user's profile is the same in two results."""
    for field in fields(Profiles):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.name == "cell_user":
            continue
        if field.name.startswith("cell_"):
            x, y = x[a.cell_user == user_a], y[b.cell_user == user_b]
        else:
            x, y = x[user_a], y[user_b]
        if np.asarray(x).tobytes() != np.asarray(y).tobytes():
            return False
    return True


def one_user(
    world: World, judged: list[tuple[int, float]], days: list[float] | None = None, **columns: object
) -> Events:
    """Events of a single user: (item, value) in order, an hour apart or at the given days."""
    n = len(judged)
    at = np.array([START + int((days[i] if days else i / 24) * DAY) for i in range(n)], np.int64)
    made = {
        "item": np.array([item for item, _ in judged], np.int64),
        "at": at,
        "value": np.array([value for _, value in judged], np.float64),
        "seconds": np.full(n, np.nan),
        "strength": np.full(n, 0.5),
        "training_weight": np.ones(n),
        "source": np.array([LIKE if value > 0 else DISLIKE for _, value in judged], np.int64),
        "explicit": np.ones(n, bool),
        "price_only": np.zeros(n, bool),
        "context": np.full((n, 2), -1, np.int64),
    } | columns
    return Events(1, user=np.zeros(n, np.int64), **made)  # type: ignore[arg-type]


def scores(world: World, events: Events, facet: str = "category") -> dict[str, float]:
    found = profiles(events, world.model)
    mine = world.vocabulary.kind[found.cell_code] == KIND[facet]
    names = [world.vocabulary.names[code] for code in found.cell_code[mine]]
    return dict(zip(names, found.cell_score[mine].tolist(), strict=True))


def products_of(world: World, category: str) -> list[int]:
    code = world.vocabulary.code(CATEGORY, category)
    starts = world.items.facet_start
    return [n for n in range(len(world.items)) if code in world.items.facet_codes[starts[n] : starts[n + 1]]]


# --- one user's events, and nothing else ---------------------------------------------------------------------------------


def test_a_user_has_the_same_bits_alone_and_in_a_crowd(world: World) -> None:
    crowd = profiles(world.events, world.model)
    for user in range(0, 400, 7):
        alone = profiles(of_users(world.events, [user]), world.model)
        assert same_bits(alone, 0, crowd, user), user


@given(st.lists(st.integers(0, 399), min_size=1, max_size=40, unique=True))
@settings(max_examples=25, deadline=None)
def test_a_user_has_the_same_bits_in_any_company(world: World, chosen: list[int]) -> None:
    crowd = profiles(world.events, world.model)
    company = profiles(of_users(world.events, chosen), world.model)
    for place, user in enumerate(sorted(chosen)):
        assert same_bits(company, place, crowd, user)


def test_a_longer_history_than_the_crowds_changes_nobody_else(world: World) -> None:
    few = make_events(3, world.items, world.vocabulary, seed=5, most=6)
    busy = make_events(1, world.items, world.vocabulary, seed=6, most=60_000)
    both = Events(
        4,
        user=np.concatenate([few.user, busy.user + 3]),
        **{
            f.name: np.concatenate([getattr(few, f.name), getattr(busy, f.name)])
            for f in fields(Events)
            if f.name not in ("users", "user")
        },
    )
    together, apart = profiles(both, world.model), profiles(few, world.model)
    assert all(same_bits(together, user, apart, user) for user in range(3))


# --- more evidence -------------------------------------------------------------------------------------------------------


def test_three_likes_of_three_do_not_beat_ninety_of_a_hundred(world: World) -> None:
    p = replace(
        world.model.parameters, strength=np.full(len(FACETS), 5.0), base_strength=5.0
    )  # the weakest prior there is
    weak = replace(world, model=replace(world.model, parameters=p))
    bags, mugs = products_of(world, "bags"), products_of(world, "mugs")
    judged = [(bags[n], 1.0) for n in range(3)]
    # More judgements than products: the evidence of one product stands for several, as one weight.
    judged += [(mugs[n], -1.0 if n < 2 else 1.0) for n in range(20)]
    weight = np.array([1.0] * 3 + [5.0] * 20) / p.weight_scale
    found = scores(weak, one_user(weak, judged, training_weight=weight))
    assert found["bags"] < found["mugs"] < 0.9


@given(seed=st.integers(0, 2**32 - 1), like=st.booleans())
@settings(max_examples=20, deadline=None)
def test_one_more_like_lowers_no_score_and_one_more_dislike_raises_none(world: World, seed: int, like: bool) -> None:
    """Of any facet value, at the user's last event or after it: what was said before of the same product, on what occasion, in earnest
    or by the way, is never said less for being said again."""
    random, users = np.random.default_rng(seed), 100
    before = make_events(users, world.items, world.vocabulary, seed=seed, most=int(random.integers(2, 40)))
    repeated = random.random(len(before)) < 0.3  # few products, met again and again
    before = replace(before, item=np.where(repeated, before.item % 5, before.item))
    later = random.choice([0, DAY, 400 * DAY], users)
    asked = np.where(random.random(users) < 0.5, random.integers(0, 5, users), random.integers(0, 120, users))
    after = one_more(before, asked, like, later=later, explicit=random.random(users) < 0.5)
    was, now = score_table(world, before), score_table(world, after)
    against = np.where(like, was - now, now - was)  # NaN: not met before, or not any more
    assert np.nanmax(against) <= 1e-12
    sign = 1 if like else -1
    base = [profiles(events, world.model).base for events in (before, after)]
    assert np.all(sign * (base[1] - base[0]) >= -1e-6)


def one_more(
    before: Events, item: "np.ndarray", like: bool, later: "np.ndarray | int" = 0, **columns: object
) -> Events:
    """Of every user one more judgement, some time after the last event and otherwise like it."""
    last = np.append(before.user[1:] != before.user[:-1], True)
    more = before.take(last)
    columns = {
        "item": item,
        "at": more.at + later,
        "value": np.full(len(more), 1.0 if like else -1.0),
        "source": np.full(len(more), LIKE if like else DISLIKE),
        "price_only": np.zeros(len(more), bool),
    } | columns
    more = replace(more, **columns)
    order = np.argsort(np.concatenate([before.user, more.user]), kind="stable")
    joined = {name: np.concatenate([getattr(before, name), getattr(more, name)])[order] for name in EVENT_COLUMNS}
    return Events(before.users, **joined)


def score_table(world: World, events: Events) -> "np.ndarray":
    """users × facet values; NaN where the profile has none."""
    found = profiles(events, world.model)
    table = np.full((events.users, len(world.vocabulary)), np.nan)
    table[found.cell_user, found.cell_code] = found.cell_score
    return table


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_one_more_like_raises_the_prediction_of_its_product_and_one_more_dislike_lowers_it(
    world: World, seed: int
) -> None:
    """By the counts of judgements alone, which the link may weigh either way, hardly ever and by next to nothing against it."""
    random = np.random.default_rng(seed)
    users = 200
    length = random.integers(1, 26, users)
    user = np.repeat(np.arange(users), length)
    before = replace(
        one_user(
            world,
            [
                (int(n), float(v))
                for n, v in zip(random.integers(0, 120, len(user)), random.choice([-1, 0.5, 1], len(user)), strict=True)
            ],
        ),
        users=users,
        user=user,
        at=START + np.cumsum(random.integers(0, random.choice([60, 86_400, 86_400 * 200]), len(user))) * 1_000_000,
    )
    asked = random.integers(0, 120, users)
    was = predicted(world, before, asked)
    for like in (True, False):
        against = was - predicted(world, one_more(before, asked, like), asked)
        against = against if like else -against
        assert np.mean(against > 1e-9) <= 0.03
        assert against.max() <= 0.003


def predicted(world: World, events: Events, item: "np.ndarray") -> "np.ndarray":
    return probability(
        Weights.of(profiles(events, world.model), world.vocabulary), np.arange(len(item)), item, world.model
    )


@pytest.mark.slow
def test_what_all_weights_are_multiplied_by_says_nothing(world: World) -> None:
    """They are relative: a power of two moves no bit of any profile, any other factor none by more than rounding."""
    events = of_users(world.events, range(0, 400, 2))

    def of_weights_times(factor: float) -> Profiles:
        heavier = replace(events, training_weight=events.training_weight * factor)
        return profiles(heavier, train(heavier, world.items, world.vocabulary, 180.0, seed=3))

    as_they_are = of_weights_times(1.0)
    doubled, odd = of_weights_times(2.0**-9), of_weights_times(7.3)
    assert all(same_bits(as_they_are, user, doubled, user) for user in range(events.users))
    for field in fields(Profiles):
        np.testing.assert_allclose(getattr(odd, field.name), getattr(as_they_are, field.name), rtol=0, atol=1e-9)


def test_after_a_pause_an_event_weighs_at_most_what_it_did_when_it_was_new(world: World) -> None:
    mugs, bag = products_of(world, "mugs"), products_of(world, "bags")[0]
    judged = [*((item, 1.0) for item in mugs[:20]), (bag, -1.0)]
    paused = one_user(world, judged, [*range(20), 750.0])
    assert np.all(
        judgements(paused, world.model.parameters).weight <= judgements(paused, world.model.parameters).evidence
    )

    def bags(events: Events) -> float:
        found = profiles(events, world.model)
        return float(found.cell_weight[found.cell_code == world.vocabulary.code(CATEGORY, "bags")][0])

    assert bags(paused) == bags(one_user(world, judged))


def test_no_coefficient_of_the_link_makes_a_dislike_speak_for_its_product(world: World) -> None:
    link = dict(zip(PARTS, world.model.parameters.link[1:], strict=True))
    assert len(link) == len(PARTS)
    assert min(weight for part, weight in link.items() if part not in COUNTS) >= 0
    assert max(link[part] for part in EVIDENCE) > 0


@pytest.mark.parametrize("threads", [1, 2])
def test_a_version_does_not_depend_on_the_number_of_threads(world: World, threads: int) -> None:
    with threadpool_limits(threads):
        assert train(world.events, world.items, world.vocabulary, 180.0, seed=3).version == world.model.version


def test_without_a_judgement_a_profile_is_the_population_with_confidence_0(world: World) -> None:
    seen_only = one_user(world, [(3, 0.0)], source=np.array([4]))
    found = profiles(seen_only, world.model)
    assert found.confidence[0] == pytest.approx(0, abs=1e-12)
    assert (found.base[0], found.judged[0], len(found.cell_user)) == (0, 0, 0)
    assert sensitivity(found.slope)[0] == 0.5
    assert found.similarity[0] == pytest.approx(0.7)


@pytest.mark.parametrize("dislike", [1.0, 0.25])
def test_scores_are_the_share_of_likes_whatever_a_signal_weighs(world: World, dislike: float) -> None:
    says = Weighing(half_life_days=180.0, source_weight=np.array([1.0, 1.6, dislike, 0.5, 1.0, 0.4]))
    model = train(world.events, world.items, world.vocabulary, 180.0, 3, weighing=says)
    found, judged = profiles(world.events, model), world.events.value != 0
    likes = (world.events.value > 0)[judged].mean()
    assert found.cell_score.mean() == pytest.approx(likes, abs=0.03)


def test_one_event_is_almost_the_prior(world: World) -> None:
    p = world.model.parameters
    found = profiles(one_user(world, [(1, 1.0)]), world.model)
    assert np.all(np.abs(found.cell_score - by_odds(np.array(p.weighed_rate), p.plain_odds)) < 0.2)
    assert 0 < found.confidence[0] < 0.3
    nobody = profiles(one_user(world, [(1, 0.0)]), world.model)
    assert np.all(np.abs(found.price - nobody.price) / nobody.price < 0.2)


def test_a_later_explicit_judgement_wins_and_an_implicit_one_does_not(world: World) -> None:
    item = products_of(world, "toys")[0]
    changed = judgements(one_user(world, [(item, 1.0), (item, -1.0)]), world.model.parameters)
    assert changed.like.tolist() == [0.0]
    assert changed.overruled.tolist() == [0.5]
    clicked = one_user(world, [(item, -1.0), (item, 1.0)], explicit=np.array([True, False]))
    assert judgements(clicked, world.model.parameters).like.tolist() == [0.0]


def test_too_expensive_speaks_about_the_price_and_not_about_the_category(world: World) -> None:
    dear = int(np.nanargmax(world.items.relative_price))
    said = profiles(one_user(world, [(dear, -1.0)], price_only=np.array([True])), world.model)
    assert len(said.cell_user) == 0
    assert sensitivity(said.slope)[0] > 0.5


def test_a_profile_publishes_its_best_known_values_only(world: World) -> None:
    vocabulary = world.vocabulary
    assert max(len(values) for values in vocabulary.values) < PROFILE_LIMIT
    found = profiles(world.events, world.model)
    per_user = np.bincount(found.cell_user * len(FACETS) + vocabulary.kind[found.cell_code])
    assert per_user.max() <= PROFILE_LIMIT


# --- a second opinion ----------------------------------------------------------------------------------------------------


def plain(events: Events) -> list[oracle.Event]:
    said = (events.source, events.explicit, events.seconds, events.strength, events.training_weight)
    weight = [oracle.weight(*row) for row in zip(*(column.tolist() for column in said), strict=True)]
    columns = (events.item, events.at, events.value, np.array(weight), events.explicit, events.price_only)
    return [oracle.Event(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


@pytest.mark.parametrize("user", range(0, 400, 23))
def test_scores_confidence_and_brands_are_what_the_rules_say(world: World, user: int) -> None:
    p, events = world.model.parameters, of_users(world.events, [user])
    found = profiles(events, world.model)
    starts, names, kinds = world.items.facet_start, world.vocabulary.names, world.vocabulary.kind
    for kind in (KIND["category"], KIND["brand"], KIND["style"], KIND["colour"]):
        values = {
            n: [names[c] for c in world.items.facet_codes[starts[n] : starts[n + 1]] if kinds[c] == kind]
            for n in range(len(world.items))
        }
        expected = oracle.scores(
            plain(events),
            values,
            p.weight_scale,
            p.half_life_days,
            p.strength[kind],
            p.base_strength,
            p.like_rate,
            p.plain_odds,
        )
        mine = np.flatnonzero(kinds[found.cell_code] == kind)
        assert {names[found.cell_code[i]] for i in mine} == set(expected)
        for i in mine:
            score, confidence, verdict = expected[names[found.cell_code[i]]]
            assert found.cell_score[i] == pytest.approx(score, abs=1e-9)
            assert found.cell_confidence[i] == pytest.approx(confidence, abs=1e-9)
            assert found.cell_verdict[i] == verdict


@pytest.mark.parametrize("user", range(0, 400, 23))
def test_prices_and_base_rate_are_what_the_rules_say(world: World, user: int) -> None:
    p, events = world.model.parameters, of_users(world.events, [user])
    found = profiles(events, world.model)
    price = dict(enumerate(world.items.price.tolist()))
    expected = oracle.price_range(
        plain(events),
        price,
        p.weight_scale,
        p.price_edges.tolist(),
        p.band_rate.tolist(),
        p.band_seen.tolist(),
        p.band_strength,
    )
    assert found.price[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert found.price[0, 0] <= found.price[0, 1] <= found.price[0, 2]
    offsets = dict(enumerate(world.items.offset.tolist()))
    base, variance = oracle.base_rate(plain(events), offsets, p.weight_scale, p.base_variance)
    assert found.base[0] == pytest.approx(base, abs=1e-6)
    assert found.base_variance[0] == pytest.approx(variance, abs=1e-6)


def test_without_any_price_there_is_no_range_of_prices(world: World) -> None:
    """Neither for whom all products seen have none, nor where the catalogue has none; what is only seen has a price, too."""
    priceless = np.isnan(world.items.price[world.events.item])
    mine = world.events.take((world.events.user != 3) | priceless)
    found = profiles(mine, world.model).price
    unknown = np.bincount(mine.user[~np.isnan(world.items.price[mine.item])], minlength=mine.users) == 0
    assert unknown[3]
    assert np.isnan(found).tolist() == [[one] * 3 for one in unknown]
    bare = replace(world.model, items=replace(world.items, price=np.full(len(world.items), np.nan)))
    assert np.isnan(profiles(world.events, bare).price).all()
