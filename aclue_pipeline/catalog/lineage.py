"""Column lineage, asked: the tree down to the app's tables, and who uses a column. How it is found out stands in resolve.py."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aclue_pipeline.catalog.catalog import Catalog
from aclue_pipeline.catalog.table import Source, Table


@dataclass(frozen=True)
class Node:
    """A column (or, without one, a table) and what it rests on; `kind` is how the one above rests on it."""

    table: str
    column: str
    kind: str = "direct"
    children: tuple["Node", ...] = ()

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}" if self.column else self.table

    def as_dict(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "column": self.column,
            "kind": self.kind,
            "from": [child.as_dict() for child in self.children],
        }


def split(catalog: Catalog, name: str) -> tuple[str, str]:
    """ "analytics.revenue_daily.clicks", "revenue_daily.clicks" or a table alone → the table's key and the column or "".

    Raises NothingFound where no table is meant.
    """
    if name in catalog.tables or "." not in name:
        return catalog.table(name).key, ""
    before, _, last = name.rpartition(".")
    return catalog.table(before).key, last


def tree(catalog: Catalog, key: str, column: str = "") -> Node:
    """What a column rests on, down to the app's tables; without a column, the tables a table is made of.

    An indirect source is a leaf: what decides about the deciding columns would bury the answer. Raises NothingFound.
    """
    one = catalog.table(key)
    if not column:
        return _table_tree(one, catalog.tables)
    return _column_tree(Source(one.key, one.column(column).name), catalog.tables)


def _table_tree(one: Table, known: Mapping[str, Table]) -> Node:
    return Node(
        one.key,
        "",
        children=tuple(_table_tree(known[key], known) if key in known else Node(key, "") for key in one.upstream),
    )


def _column_tree(source: Source, known: Mapping[str, Table]) -> Node:
    children: tuple[Node, ...] = ()
    if source.kind == "direct" and source.table in known:
        children = tuple(_column_tree(below, known) for below in known[source.table].column(source.column).lineage)
    return Node(source.table, source.column, source.kind, children)


def used_by(catalog: Catalog, key: str, column: str = "") -> tuple[Source, ...]:
    """The columns that rest on this one (or on any of the table's): direct users first."""
    one = catalog.table(key)
    names = [one.column(column).name] if column else [c.name for c in one.columns]
    found = {user for name in names for user in catalog.users.get((one.key, name), ())}
    direct = {(s.table, s.column) for s in found if s.kind == "direct"}
    shown = [s for s in found if s.kind == "direct" or (s.table, s.column) not in direct]
    return tuple(sorted(shown, key=lambda s: (s.kind, str(s))))


def lines(node: Node, *, top: bool = True) -> Iterator[str]:
    """The tree as text, a line each; indirect sources of one node share a line."""
    if top:
        yield node.name
    direct = [child for child in node.children if child.kind == "direct"]
    indirect = [child.name for child in node.children if child.kind != "direct"]
    last = len(direct) + bool(indirect) - 1
    for n, child in enumerate(direct):
        yield ("└─ " if n == last else "├─ ") + child.name
        for line in lines(child, top=False):
            yield ("   " if n == last else "│  ") + line
    if indirect:
        yield f"└─ filtered by {', '.join(indirect)}"
