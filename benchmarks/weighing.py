"""Weights of signals that training fits, in worlds in which it is known how much each says: 8,400 users with 60 swipes each, of
whom the last fifth is predicted."""

from dataclasses import dataclass, replace

import numpy as np

from aclue_pipeline.preferences.arrays import DAY, DISLIKE, LIKE, SUPER_LIKE, Events, Items, Vocabulary, sigmoid
from aclue_pipeline.preferences.catalogue import UUID, items_of
from aclue_pipeline.preferences.evidence import Weighing
from aclue_pipeline.preferences.facets import CONTEXT_KINDS
from aclue_pipeline.preferences.measures import log_loss
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.quality import by_profile
from aclue_pipeline.preferences.training import split, train
from benchmarks import Result

USERS, EACH, PRODUCTS, SEEDS = 8_400, 60, 400, (1, 2, 3, 4, 5)
START = 800_000_000_000_000

USUAL = Weighing(half_life_days=180.0)
#: By which the honesty of the planted swipes is weighed about as well as may be.
PLANTED = replace(USUAL, source_weight=np.array([1.0, 3.2, 1.0, 0.5, 1.0, 0.4]), time_gain=1.6, strength_slope=0.0)


@dataclass(frozen=True)
class World:
    events: Events
    items: Items
    vocabulary: Vocabulary


def planted(users: int, seed: int) -> World:
    """Swipes are honest the more, the longer was looked, and always when it was a super-like; the rest are thrown dice."""
    random = np.random.default_rng(seed)
    ids = np.zeros(PRODUCTS, UUID)
    ids["lo"] = np.arange(PRODUCTS)
    row = {"brand": None, "style": [], "colour": [], "price": None}
    items, vocabulary = items_of(ids, [{**row, "category": f"category {n % 4}"} for n in range(PRODUCTS)])
    user = np.repeat(np.arange(users), EACH)
    n = len(user)
    item = np.concatenate([random.choice(PRODUCTS, EACH, replace=False) for _ in range(users)])
    day = np.sort(random.uniform(0, 60, (users, EACH)), axis=1).ravel()
    taste, of_item = random.normal(0, 1, (users, 6)), random.normal(0, 0.6, (PRODUCTS, 6))
    category = random.normal(0, 1.2, (users, 4))
    score = (
        -0.3
        + random.normal(0, 0.5, users)[user]
        + random.normal(0, 0.5, PRODUCTS)[item]
        + category[user, item % 4]
        + np.einsum("ij,ij->i", taste[user], of_item[item])
    )
    likes = random.random(n) < sigmoid(score)
    seconds = np.floor(random.exponential(6.0, n))
    honest = random.random(n) > 0.8 * np.exp(-seconds / 4.0)
    up = likes & honest & (random.random(n) < 0.3 * sigmoid(2 * score))
    like = np.where(honest, likes, random.random(n) < 0.5)
    events = Events(
        users=users,
        user=user,
        item=item,
        at=START + (day * DAY).astype(np.int64),
        value=np.where(like, 1.0, -1.0),
        source=np.select([up, like], [SUPER_LIKE, LIKE], DISLIKE),
        seconds=seconds,
        strength=np.full(n, 0.5),
        training_weight=np.ones(n),
        explicit=np.ones(n, bool),
        price_only=np.zeros(n, bool),
        context=np.full((n, len(CONTEXT_KINDS)), -1),
    )
    return World(events, items, vocabulary)


def measure() -> list[Result]:
    beside_planted, beside_usual, super_like, long_look = [], [], [], []
    for seed in SEEDS:
        world = planted(USERS, seed)
        history, future = split(world.events)

        def trained(weighing: Weighing | None, world: World = world, history: Events = history) -> TasteModel:
            return train(history, world.items, world.vocabulary, None, 3, weighing=weighing)

        models = [trained(weighing) for weighing in (None, PLANTED, USUAL)]
        fitted, known, usual = (log_loss(future.like, by_profile(history, future, model)) for model in models)
        beside_planted.append(1e4 * (fitted - known))
        beside_usual.append(1e4 * (fitted - usual))
        p = models[0].parameters
        super_like.append(float(p.source_weight[1]))
        long_look.append((1.0 + p.time_gain / 2) / (1.0 - p.time_gain / 2))
    of = f"{USERS * EACH:,} events in {len(SEEDS)} planted worlds"
    return [
        Result("log-loss with fitted weights less that with the planted", beside_planted, "1e-4", of),
        Result("log-loss with fitted weights less that with the defaults", beside_usual, "1e-4", of),
        Result("a super-like, fitted", super_like, "ratio", f"{of} : a like; planted 3.2"),
        Result("a like after a long look, fitted", long_look, "ratio", f"{of} : a like at once; planted 9"),
    ]
