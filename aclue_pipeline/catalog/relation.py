"""What the walk over a SELECT carries along: on what a value rests, what stands in FROM, what names mean. How it goes is basis.py's."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

Pair = tuple[str, str]
NOTHING: frozenset[Pair] = frozenset()


class Unresolved(Exception):
    """A column that no table of the query has."""


@dataclass(frozen=True)
class Basis:
    """(table, column) pairs that a value rests on."""

    direct: frozenset[Pair] = NOTHING
    indirect: frozenset[Pair] = NOTHING

    def __or__(self, other: "Basis") -> "Basis":
        return Basis(self.direct | other.direct, self.indirect | other.indirect)

    @property
    def all(self) -> frozenset[Pair]:
        return self.direct | self.indirect

    def given(self, conditions: "Basis") -> "Basis":
        """This value where conditions choose it: theirs are indirect, or its own where it has none."""
        if not self.direct:
            return Basis(conditions.direct, self.indirect | conditions.indirect)
        return Basis(self.direct, self.indirect | conditions.all)


@dataclass(frozen=True)
class Relation:
    """Something in FROM: its columns, what decides which rows it has, and its key. `open`: answers any column name. `unique`: of the
    columns by whose values there is one row at most, none of them where there is one row in all; None where that is not known.
    `found_by`: what finds its row in a left join. `split`: what decides how often its rows are there, and not whether."""

    columns: dict[str, Basis]
    rows: frozenset[Pair] = NOTHING
    key: frozenset[Pair] = NOTHING
    open: Callable[[str], Basis] | None = None
    unique: frozenset[str] | None = None
    found_by: frozenset[Pair] = NOTHING
    split: frozenset[Pair] = NOTHING

    def column(self, name: str) -> Basis | None:
        return self.columns.get(name) or (self.open(name) if self.open else None)

    def renamed(self, names: list[str]) -> "Relation":
        if not names:
            return self
        values = list(self.columns.values())
        fresh = dict(zip(names, values, strict=False)) | dict(list(self.columns.items())[len(names) :])
        called = dict(zip(self.columns, fresh, strict=False))
        unique = None if self.unique is None else frozenset(called[name] for name in self.unique)
        return replace(self, columns=fresh, unique=unique)

    def one_row(self, found_by: frozenset[Pair]) -> "Relation":
        """This relation where it neither takes nor adds rows: what decides which row it is decides about its columns."""
        found_by |= self.rows
        columns = {name: Basis(basis.direct, basis.indirect | found_by) for name, basis in self.columns.items()}
        return replace(self, columns=columns, rows=NOTHING, found_by=found_by)

    @property
    def whole(self) -> Basis:
        """Its row: `p is null`, `count(p)`."""
        return Basis(self.key, self.found_by)


@dataclass
class Names:
    """What names mean inside one query: the relations of its FROM and its CTEs, and what its surroundings offer."""

    parent: "Names | None" = None
    sources: dict[str, Relation] = field(default_factory=dict)
    ctes: dict[str, Relation] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    windows: dict[str, Any] = field(default_factory=dict)
    split: frozenset[Pair] = NOTHING
    only: str = ""  # the relation of FROM, where what is joined to it neither takes nor adds rows

    def source(self, alias: str) -> Relation | None:
        return self.sources.get(alias) or (self.parent.source(alias) if self.parent else None)

    def cte(self, name: str) -> Relation | None:
        return self.ctes.get(name) or (self.parent.cte(name) if self.parent else None)

    def bare(self, column: str) -> Basis | None:
        """A column named without its table: closed relations first, then those that answer any name."""
        relations = list(self.sources.values())
        found = [r.columns[column] for r in relations if column in r.columns]
        if not found and self.parent:
            outer = self.parent.bare(column)
            found = [outer] if outer else []
        return found[0] if found else next((r.open(column) for r in relations if r.open), None)

    def key(self) -> frozenset[Pair]:
        """The key of what is counted here: the first relation's."""
        return next(iter(self.sources.values())).key if self.sources else NOTHING
