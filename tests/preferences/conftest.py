"""A small world for the kernel: products, users who like some categories, and a model trained on them, without a database; and a small
shop in one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database
from aclue_pipeline.preferences.arrays import (
    DAY,
    DISLIKE,
    EVENT_COLUMNS,
    FEEDBACK,
    LIKE,
    SEEN,
    SUPER_LIKE,
    Events,
    Items,
    Vocabulary,
)
from aclue_pipeline.preferences.catalogue import UUID, items_of, vocabulary_of
from aclue_pipeline.preferences.facets import CONTEXT_KINDS, FACETS
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.training import train
from tests.conftest import Databases, copy_of
from tests.preferences import database
from tests.preferences.database import ME, MUG, TIP, stock, write

CATEGORIES = ["bags", "candles", "mugs", "toys"]
CONTEXT = {"occasion": {"birthday": 5, "wedding": 3}, "recipient": {"friend": 4}}
START = 800_000_000_000_000


@dataclass(frozen=True)
class World:
    events: Events
    items: Items
    vocabulary: Vocabulary
    model: TasteModel


def ids_of(numbers: np.ndarray) -> np.ndarray:
    ids = np.zeros(len(numbers), UUID)
    ids["lo"] = numbers
    return ids


def catalogue_rows(products: int) -> list[dict[str, object]]:
    colours, styles = ["red", "blue", "green"], ["vintage", "modern", "wood", "floral"]
    return [
        {
            "category": CATEGORIES[n % 4] if n % 17 else None,
            "brand": f"brand {n % 7}" if n % 5 else None,
            "style": [styles[n % 4], styles[(n // 4) % 4]] if n % 3 else [],
            "colour": [colours[n % 3]] if n % 4 else [],
            "price": float(3 + n * 7 % 90) if n % 11 else None,
            "relative_price": float(np.log((3 + n * 7 % 90) / 40)) if n % 11 else 0.0,
        }
        for n in range(products)
    ]


def make_events(users: int, items: Items, vocabulary: Vocabulary, seed: int, most: int = 40) -> Events:
    """Users who see some products each, like one category and cheap things more, and now and then repeat themselves."""
    random = np.random.default_rng(seed)
    count = random.integers(1, most, users)
    user = np.repeat(np.arange(users), count)
    n = len(user)
    item = np.minimum((len(items) * random.random(n) ** 1.5).astype(np.int64), len(items) - 1)
    at = START + random.integers(0, 300 * DAY, n)
    order = np.lexsort((np.arange(n), at, user))
    user, item, at = user[order], item[order], at[order]
    taste = (
        np.where(item % 4 == user % 4, 1.5, -0.6)
        - 0.4 * items.relative_price[item]
        + random.normal(0, 0.6, users)[user]
    )
    like = random.random(n) < 1 / (1 + np.exp(-taste))
    source = np.where(like, np.where(random.random(n) < 0.1, SUPER_LIKE, LIKE), DISLIKE)
    source = np.where(random.random(n) < 0.05, SEEN, source)
    source = np.where((random.random(n) < 0.05) & (source != SEEN), FEEDBACK, source)
    value = np.select([source == SEEN, ~like], [0.0, -1.0], 1.0)
    occasion = vocabulary.start[CONTEXT_KINDS[0]] + random.integers(0, 2, n)
    recipient = np.where(random.random(n) < 0.5, vocabulary.start[CONTEXT_KINDS[1]], -1)
    return Events(
        users=users,
        user=user,
        item=item,
        at=at,
        value=value,
        source=source,
        seconds=np.where(random.random(n) < 0.2, np.nan, random.integers(0, 60, n)),
        strength=np.round(random.random(n), 2),
        training_weight=np.where(source == FEEDBACK, 0.5 + random.random(n), 1.0),
        explicit=random.random(n) < 0.9,
        price_only=(random.random(n) < 0.03) & (value < 0),
        context=np.stack([occasion, recipient], axis=1),
    )


def of_users(events: Events, chosen: "np.ndarray | list[int]") -> Events:
    """The events of some users, numbered anew in the order given by their old numbers."""
    chosen = np.sort(np.asarray(chosen))
    mask = np.isin(events.user, chosen)
    kept = events.take(mask)
    columns = {name: getattr(kept, name) for name in EVENT_COLUMNS if name != "user"}
    return Events(len(chosen), user=np.searchsorted(chosen, kept.user), **columns)


@pytest.fixture(scope="session")
def world() -> World:
    rows = catalogue_rows(120)
    vocabulary = vocabulary_of(rows, CONTEXT)
    assert [len(values) > 0 for values in vocabulary.values] == [True] * len(FACETS)
    items, _ = items_of(ids_of(np.arange(120)), rows, vocabulary)
    events = make_events(400, items, vocabulary, seed=1)
    model = train(events, items, vocabulary, half_life_days=180.0, seed=3)
    return World(events, model.items, vocabulary, model)


@pytest.fixture(scope="module")
def stocked(server: Any) -> Iterator[str]:
    """A small shop with a model and everybody's profile; a template for copies."""
    databases = Databases(server)
    db = databases.copy("deployed")
    stock(db, users=25, products=30, swipes=500)
    with db.psycopg() as pg:
        for older in ("training_weight_is_number", "created_at_is_finite"):  # CHECKs that older rows may break
            pg.execute(f"alter table public.recommendation_feedback drop constraint recommendation_feedback_{older}")
        write(pg, "service_role", "recommendations", {"id": TIP, "user_id": ME, "product_id": MUG})
    database.train(db)
    preferences.recalculate(db, full=True)
    db.close()
    yield db.name
    databases.close()


@pytest.fixture
def shop(server: Any, stocked: str) -> Iterator[Database]:
    with copy_of(server, stocked) as database:
        yield database


@pytest.fixture(scope="module")
def fuzzed(server: Any, stocked: str) -> Iterator[Database]:
    with copy_of(server, stocked) as database:
        yield database
