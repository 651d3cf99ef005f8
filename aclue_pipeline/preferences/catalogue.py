"""From what the catalogue says of products to the columns that training and kernel work on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from aclue_pipeline.preferences.arrays import Items, Vocabulary
from aclue_pipeline.preferences.facets import CONTEXT_KINDS, FACETS, ITEM_KINDS, RANK

UUID: Final = np.dtype([("hi", ">u8"), ("lo", ">u8")])


def values_of(row: Mapping[str, Any], kind: int) -> list[str]:
    """The values of one facet that a row of pipeline.item_features has: one, many or none."""
    value = row.get(FACETS[kind].name)
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(dict.fromkeys(value))


def vocabulary_of(
    rows: Sequence[Mapping[str, Any]], context: Mapping[str, Mapping[str, int]] | None = None
) -> Vocabulary:
    """The facet values of the catalogue, and those of the swipe sessions ({facet: {value: how many said it}})."""
    counts: list[dict[str, int]] = [{} for _ in FACETS]
    for kind in ITEM_KINDS:
        counts[kind] = Counter(value for row in rows for value in values_of(row, kind))
    for kind in CONTEXT_KINDS:
        counts[kind] = dict((context or {}).get(FACETS[kind].name, {}))
    return Vocabulary.of(counts)


def items_of(
    ids: np.ndarray, rows: Sequence[Mapping[str, Any]], vocabulary: Vocabulary | None = None
) -> tuple[Items, Vocabulary]:
    """Items in the order of `ids` (ascending) with offset, count and vector still 0; rows as in pipeline.item_features."""
    vocabulary = vocabulary or vocabulary_of(rows)
    codes = [
        [code for kind in ITEM_KINDS for value in values_of(row, kind) if (code := vocabulary.code(kind, value)) >= 0]
        for row in rows
    ]
    price = np.array([np.nan if row["price"] is None else float(row["price"]) for row in rows], np.float64)
    return Items(
        ids=ids,
        facet_start=np.concatenate([[0], np.cumsum([len(of) for of in codes])]).astype(np.int64),
        facet_codes=np.array([code for of in codes for code in of], np.int64),
        price=price,
        relative_price=np.array([row.get("relative_price") or 0.0 for row in rows], np.float64),
        known=np.array([_known(row) for row in rows], np.float64),
        offset=np.zeros(len(rows)),
        count=np.zeros(len(rows)),
        vector=np.zeros((len(rows), RANK)),
    ), vocabulary


def _known(row: Mapping[str, Any]) -> float:
    """Share of category, brand, price and style or colour that the catalogue says."""
    says = (row["category"], row["brand"], row["price"], list(row["style"] or []) + list(row["colour"] or []))
    return sum(value not in (None, "", []) for value in says) / 4
