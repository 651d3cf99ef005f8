"""The arrays that travel between reading, training and the kernel: products, events and what was judged.
No database and no model here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aclue_pipeline.preferences.facets import VOCABULARY_LIMIT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY: Final = 86_400_000_000  # microseconds
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # from which the server counts, and Events.at
LIKE, SUPER_LIKE, DISLIKE, SEEN, FEEDBACK = range(1, 6)  # Events.source


@dataclass(frozen=True)
class Vocabulary:
    """Every facet value has one code; the values of one facet have neighbouring codes, in alphabetical order."""

    values: tuple[tuple[str, ...], ...]  # per facet
    start: Ints = field(init=False)
    kind: Ints = field(init=False)  # facet of each code
    names: tuple[str, ...] = field(init=False)
    _code: tuple[dict[str, int], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sizes = [len(values) for values in self.values]
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        set_ = object.__setattr__
        set_(self, "start", start)
        set_(self, "kind", np.repeat(np.arange(len(sizes)), sizes).astype(np.int64))
        set_(self, "names", tuple(name for values in self.values for name in values))
        set_(
            self,
            "_code",
            tuple({name: int(start[k]) + i for i, name in enumerate(v)} for k, v in enumerate(self.values)),
        )

    def __len__(self) -> int:
        return len(self.names)

    def code(self, kind: int, name: str | None) -> int:
        """The code of a value; -1 for one that this vocabulary does not know."""
        return self._code[kind].get(name, -1) if name is not None else -1

    @classmethod
    def of(cls, counts: "Sequence[dict[str, int]]") -> "Vocabulary":
        """The most frequent values of each facet."""
        kept = [sorted(sorted(count, key=lambda name: (-count[name], name))[:VOCABULARY_LIMIT]) for count in counts]
        return cls(tuple(tuple(values) for values in kept))


@dataclass(frozen=True)
class Items:
    """Products as columns: their facet values (CSR), price and, after training, what the model says of each."""

    ids: NDArray[np.void]  # uuid as (hi, lo), ascending
    facet_start: Ints  # n + 1
    facet_codes: Ints
    price: Floats  # catalogue's currency units; NaN where unknown
    relative_price: Floats  # log of price over the category's median price; 0 where unknown
    known: Floats  # share of category, brand, price, style or colour that the catalogue says
    offset: Floats  # log odds of a like by an average user
    count: Floats  # judgements that offset and vector rest on
    vector: Floats  # n × RANK

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Events:
    """Events of a block of users, ordered by user, time and id. `user` counts 0, 1, … within the block."""

    users: int
    user: Ints
    item: Ints  # index into Items
    at: Ints  # microseconds since EPOCH
    value: Floats  # -1 … 1
    source: Ints
    seconds: Floats  # looked at before the swipe; NaN where unknown
    strength: Floats  # 0 … 1; 0.5 where unknown
    training_weight: Floats  # > 0
    explicit: NDArray[np.bool_]
    price_only: NDArray[np.bool_]
    context: Ints  # n × facets of the session, each a code, -1 where unknown

    def __len__(self) -> int:
        return len(self.user)

    def take(self, mask: NDArray[np.bool_]) -> "Events":
        """The events under a mask, users keeping their numbers."""
        columns = {name: getattr(self, name)[mask] for name in EVENT_COLUMNS}
        return Events(self.users, **columns)


EVENT_COLUMNS: Final = tuple(name for name in Events.__dataclass_fields__ if name != "users")


def sigmoid(x: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-x))


def by_odds(share: Floats, factor: float) -> Floats:
    """Shares whose odds are multiplied; 0 and 1 stay."""
    return share * factor / (share * factor + (1.0 - share))


def logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))


def sums(group: Ints, values: Floats, groups: int) -> Floats:
    """Sum per group, added in the order of the rows: the same bits for a user alone or in a crowd."""
    return np.bincount(group, values, groups).astype(np.float64, copy=False)  # without rows, NumPy makes integers


def spread(starts: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """For each of `rows` every element of its CSR slice: (position in rows, position in the elements)."""
    begin = starts[rows]
    length = starts[rows + 1] - begin
    owner = np.repeat(np.arange(len(rows)), length)
    first = np.cumsum(length) - length
    return owner, np.arange(len(owner)) - first[owner] + begin[owner]
