"""Serving: what a recommender asks of profiles. Products are named by their ids, and none is scored that the app shows no more.
The arithmetic is the predictor's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np

from aclue_pipeline.postgres import Database, Pg
from aclue_pipeline.preferences import predictor
from aclue_pipeline.preferences.arrays import Ints
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.model import TasteModel
from aclue_pipeline.preferences.store import ids_of, load_model, meet_new_products, usable_version

#: Versions read lately, per database. What a version says never changes; products that it has not met make it be read again.
_READ: Final[WeakKeyDictionary[Database, dict[str, TasteModel]]] = WeakKeyDictionary()
_SHOWN: Final = "select id from public.products where is_active order by id"
_SEEN: Final = """
    select product_id from public.swipe_interactions where user_id = %(user)s
    union select product_id from public.recommendation_feedback where user_id = %(user)s
"""


@dataclass(frozen=True)
class Prediction:
    """Probabilities of a like by product, in the order in which they were asked for; and what has none."""

    probability: dict[UUID, float]
    gone: list[UUID]  # deleted, or not shown by the app any more
    unknown: list[UUID]  # never met in the catalogue


class Recommendation(NamedTuple):
    """A product and the probability that the user likes it."""

    product_id: UUID
    probability: float


def predict(db: Database, row: Mapping[str, Any] | None, product_ids: Iterable[UUID | str]) -> Prediction:
    """How probably the user of a row of user_preferences likes each product. None, or a row that was never computed: an unknown user.

    Of the row only ml_features and embedding_vector are read. It is judged by the version of the taste model that it was computed
    with, a product that came after training by its content. Raises NothingFound where that version is not kept any more,
    MissingPrerequisite before the first training.
    """
    asked = list(dict.fromkeys(one if isinstance(one, UUID) else UUID(one) for one in product_ids))
    with db.psycopg() as pg:
        pg.execute("set transaction isolation level repeatable read, read only")
        shown = {
            id_ for (id_,) in pg.execute("select id from public.products where is_active and id = any(%s)", [asked])
        }
        scored = [one for one in asked if one in shown]
        model, item = model_of(pg, db, row, scored)
        others = [one for one in asked if one not in shown]
        there = {id_ for (id_,) in pg.execute("select id from public.products where id = any(%s)", [others])}
    met = dict(zip(others, Lookup(model.items.ids)(ids_of(others)) >= 0, strict=True)) if others else {}
    return Prediction(
        dict(zip(scored, predictor.predict(row, item, model).tolist(), strict=True)),
        gone=[one for one in others if one in there or met[one]],
        unknown=[one for one in others if one not in there and not met[one]],
    )


def recommend(db: Database, user_id: UUID | str, n: int = 20, exclude_seen: bool = True) -> list[Recommendation]:
    """The n products that the app shows and that this user most probably likes; of equally probable ones the lower id first.

    `exclude_seen`: without those that the user swiped, whatever way, or gave feedback on. An unknown user gets what the
    population likes best. Raises as `predict` does.
    """
    user = user_id if isinstance(user_id, UUID) else UUID(user_id)
    with db.psycopg() as pg:
        pg.execute("set transaction isolation level repeatable read, read only")
        row = profile(pg, user)
        seen = {id_ for (id_,) in pg.execute(_SEEN, {"user": user})} if exclude_seen else set()
        shown = [id_ for (id_,) in pg.execute(_SHOWN) if id_ not in seen]
        model, item = model_of(pg, db, row, shown)
    probability = predictor.predict(row, item, model)
    best = np.argsort(-probability, kind="stable")[: max(n, 0)]
    return [Recommendation(shown[place], float(probability[place])) for place in best]


def profile(pg: Pg, user: UUID) -> dict[str, Any] | None:
    """What the predictor reads of a user's row; None where there is none."""
    found = pg.execute(
        "select ml_features, embedding_vector from public.user_preferences where user_id = %s", [user]
    ).fetchone()
    return found and {"ml_features": found[0], "embedding_vector": found[1]}


def model_of(pg: Pg, db: Database, row: Mapping[str, Any] | None, products: list[UUID]) -> tuple[TasteModel, Ints]:
    """The version that a row was computed with, of an unknown user the current one; and the places of products in it."""
    features = row["ml_features"] if row else None
    version = features["model_version"] if features else usable_version(pg)
    ids = ids_of(products)
    read = _READ.setdefault(db, {})
    model = read.get(version)
    item = Lookup(model.items.ids)(ids) if model else None
    if model is None or item is None or (item < 0).any():
        model, _, _ = meet_new_products(pg, load_model(pg, version))
        _READ[db] = {**dict(list(read.items())[-1:]), version: model}
        item = Lookup(model.items.ids)(ids)
    return model, item
