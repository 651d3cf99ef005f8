"""The store of model versions: pipeline.taste_models and pipeline.taste_items to arrays and back, and the products that came
after training. What the numbers mean is said in model.py and arrays.py."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from aclue_pipeline.errors import MissingPrerequisite, NothingFound
from aclue_pipeline.postgres import Pg
from aclue_pipeline.preferences.arrays import Items, Vocabulary
from aclue_pipeline.preferences.catalogue import UUID, items_of
from aclue_pipeline.preferences.facets import FACETS, ITEM_KINDS, RANK
from aclue_pipeline.preferences.model import FORMAT, Parameters, TasteModel, guessed

VERSIONS_KEPT: Final = 3  # of those that were accepted, and of all others; beside them the current one
_FEATURES: Final = (*(FACETS[kind].name for kind in ITEM_KINDS), "price", "relative_price")
_LISTED: Final = ", ".join(_FEATURES)
_NEW: Final = (
    "not exists (select from pipeline.taste_items i where i.model_version = %s and i.product_id = f.product_id)"
)

#: What was not accepted does not push out what could be gone back to. Of an earlier release's no profile can be computed any more.
_FORGET: Final = """
    delete from pipeline.taste_models m using (
        select version, row_number() over (
            partition by coalesce(status, 'accepted') = 'accepted' order by trained_at desc, version
        ) as place
        from pipeline.taste_models
    ) as n
    where m.version = n.version and (
        not starts_with(m.version, %s)
        or n.place > %s and not exists (select from pipeline.current_taste_model c where c.version = m.version)
    )
"""


def ids_of(uuids: list[Any]) -> np.ndarray:
    """uuid.UUIDs as an array of (hi, lo)."""
    return np.frombuffer(b"".join(one.bytes for one in uuids), UUID)


def catalogue(pg: Pg) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """(ids ascending, rows of pipeline.item_features) of every product."""
    return _features(pg, f"select product_id, {_LISTED} from pipeline.item_features order by product_id", [])  # noqa: S608


def _features(pg: Pg, select: str, values: list[Any]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    with pg.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(select, values).fetchall()
    return ids_of([row["product_id"] for row in rows]), rows


def current_version(pg: Pg) -> str | None:
    """None before the first training."""
    row = pg.execute("select version from pipeline.current_taste_model").fetchone()
    return row[0] if row else None


def save_model(
    pg: Pg,
    model: TasteModel,
    rows: list[dict[str, Any]],
    events: int,
    users: int,
    seed: int,
    card: dict[str, Any],
) -> bool:
    """Store a version as a candidate, with its products, and forget versions beyond the newest few, never the current one. False where
    it is there already: what was found of it holds."""
    if current_version(pg) == model.version:
        return False
    vocabulary = {facet.name: list(values) for facet, values in zip(FACETS, model.vocabulary.values, strict=True)}
    row = pg.execute(
        """insert into pipeline.taste_models as m (version, trained_at, events, users, products, seed, parameters, vocabulary, status, card)
           values (%s, clock_timestamp(), %s, %s, %s, %s, %s, %s, 'candidate', %s)
           on conflict (version) do update
           set trained_at = case coalesce(m.status, 'accepted') when 'accepted' then excluded.trained_at else m.trained_at end
           returning xmax = 0""",
        [
            model.version,
            events,
            users,
            len(model.items),
            seed,
            Jsonb(model.parameters.as_dict()),
            Jsonb(vocabulary),
            Jsonb(card),
        ],
    ).fetchone()
    save_items(pg, model.version, model.items, rows)
    pg.execute(_FORGET, [FORMAT, VERSIONS_KEPT])
    pg.execute(
        "delete from pipeline.taste_items i where not exists (select from pipeline.taste_models m where m.version = i.model_version)"
    )
    return row == (True,)


def save_items(pg: Pg, version: str, items: Items, rows: list[dict[str, Any]]) -> None:
    """Store what a version says of products; one that it knows already stays as it is."""
    pg.execute("create temp table if not exists new_items (like pipeline.taste_items) on commit delete rows")
    columns = f"model_version, product_id, log_odds, judgements, vector, {_LISTED}"
    with pg.cursor() as cursor, cursor.copy(f"copy pg_temp.new_items ({columns}) from stdin") as copy:
        for row, offset, count, vector in zip(
            rows, items.offset.tolist(), items.count.tolist(), items.vector.tolist(), strict=True
        ):
            copy.write_row([version, row["product_id"], offset, count, vector, *(row[name] for name in _FEATURES)])
    pg.execute("insert into pipeline.taste_items select * from pg_temp.new_items on conflict do nothing")


def copy_items(pg: Pg, version: str, model: TasteModel) -> None:
    """What a model says of products that another version knows, as that one sees them."""
    pg.execute(
        f"""insert into pipeline.taste_items (model_version, product_id, log_odds, judgements, vector, {_LISTED})
            select %s, i.product_id, o.log_odds, i.judgements, i.vector, {", ".join(f"i.{name}" for name in _FEATURES)}
            from (select *, row_number() over (order by product_id) as place from pipeline.taste_items where model_version = %s) as i
            join unnest(%s::float8[]) with ordinality as o (log_odds, place) using (place)
            on conflict do nothing""",  # noqa: S608
        [model.version, version, model.items.offset.tolist()],
    )


def is_usable(version: str | None) -> bool:
    """Whether this release's arithmetic trained it."""
    return version is not None and version.startswith(FORMAT)


def usable_version(pg: Pg) -> str:
    """The current version. Raises MissingPrerequisite where none was accepted that was trained by this release's arithmetic."""
    current = current_version(pg)
    if current is None:
        raise MissingPrerequisite(
            "there is no accepted taste model yet; train one with `aclue preferences train`, judge it with `aclue preferences evaluate`"
        )
    if not is_usable(current):
        raise MissingPrerequisite(
            f"the taste model {current} is of an earlier release; train one with `aclue preferences train`, judge it with"
            " `aclue preferences evaluate`"
        )
    return current


def load_model(pg: Pg, version: str | None = None) -> TasteModel:
    """A version with its products, the current one by default. Raises as `usable_version` does, and NothingFound for a version
    that is not kept."""
    version = version or usable_version(pg)
    row = pg.execute(
        "select version, parameters, vocabulary from pipeline.taste_models where version = %s", [version]
    ).fetchone()
    if row is None or not row[0].startswith(FORMAT):
        raise NothingFound(
            f"version {version} of the taste model is not kept any more, the current one is {usable_version(pg)}:"
            " `aclue preferences recalculate` brings the profiles computed with it up to date"
        )
    vocabulary = Vocabulary(tuple(tuple(row[2][facet.name]) for facet in FACETS))
    return TasteModel(row[0], Parameters.from_dict(row[1]), vocabulary, _items(pg, row[0], vocabulary))


def _items(pg: Pg, version: str, vocabulary: Vocabulary) -> Items:
    ids, rows = _features(
        pg,
        f"""select product_id, {_LISTED}, log_odds, judgements, vector from pipeline.taste_items
            where model_version = %s order by product_id""",  # noqa: S608
        [version],
    )
    items, _ = items_of(ids, rows, vocabulary)
    return replace(
        items,
        offset=np.array([row["log_odds"] for row in rows], np.float64),
        count=np.array([row["judgements"] for row in rows], np.float64),
        vector=np.array([row["vector"] for row in rows], np.float64).reshape(-1, RANK),
    )


def has_new_products(pg: Pg, version: str) -> bool:
    """Whether there are products that the version has not met: asked of ids alone, what products are like takes long to say."""
    asked = f"select exists (select from (select id as product_id from public.products) as f where {_NEW})"  # noqa: S608
    return bool(pg.execute(asked, [version]).fetchall()[0][0])


def meet_new_products(pg: Pg, model: TasteModel) -> tuple[TasteModel, list[dict[str, Any]], Items]:
    """The model with the products that came after training, as their content says; and those, to be stored.

    From then on the version sees them as they are now: what a profile is computed from must not change under it.
    """
    if not has_new_products(pg, model.version):
        return model, [], model.items
    select = f"select product_id, {_LISTED} from pipeline.item_features f where {_NEW} order by product_id"  # noqa: S608
    ids, rows = _features(pg, select, [model.version])
    met = guessed(items_of(ids, rows, model.vocabulary)[0], model.parameters)
    return replace(model, items=_joined(model.items, met)), rows, met


def _joined(a: Items, b: Items) -> Items:
    columns = {
        name: np.concatenate(
            [getattr(a, name), getattr(b, name)], dtype=getattr(a, name).dtype
        )  # ids in their byte order
        for name in a.__dataclass_fields__
        if name != "facet_start"
    }
    return Items(**columns, facet_start=np.concatenate([a.facet_start, b.facet_start[1:] + a.facet_start[-1]]))
