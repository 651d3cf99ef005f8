"""Column lineage: which columns each column rests on (from its SELECT, or as Python declares it), who uses it, and the tree down
to the app's tables. How a SELECT is followed stands in basis.py."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from aclue_pipeline.catalog import basis
from aclue_pipeline.catalog.read import DERIVED_ROOMS, table, tables
from aclue_pipeline.catalog.statement import parsed, shown
from aclue_pipeline.catalog.table import SELECTED, Column, Source, Table
from aclue_pipeline.errors import SqlFileError

if TYPE_CHECKING:
    from sqlglot import exp


def resolved(known: dict[str, Table]) -> dict[str, Table]:
    """The same tables, in the same order (sources first), with lineage and types of their columns filled in.

    Raises SqlFileError where a SELECT or a declaration names a column that is not there.
    """
    from aclue_pipeline.catalog import types

    done: dict[str, Table] = {}
    for key, one in known.items():
        if one.kind in SELECTED:
            tree = cast("exp.Query", parsed(one.sql, one.path))
            one = _followed(one, tree, done)
            one = types.inferred(one, tree, done)
        done[key] = one
    for key, columns in declared().items():
        if key in done:
            done[key] = with_declared(done[key], columns, done)
    return done


def _followed(one: Table, tree: "exp.Expr", known: Mapping[str, Table]) -> Table:
    try:
        relation = basis.of_query(tree, known)
    except basis.Unresolved as error:
        raise SqlFileError(f"{shown(one.path)}: none of its tables has the column {error}") from None
    columns = []
    for column in one.columns:
        found = relation.columns.get(column.name)
        if found is None or column.bookkeeping:
            columns.append(column)
            continue
        columns.append(replace(column, lineage=_sources(found.direct, found.indirect | relation.rows)))
    return replace(one, columns=tuple(columns))


def _sources(direct: Iterable[basis.Pair], indirect: Iterable[basis.Pair]) -> tuple[Source, ...]:
    """The pairs as sources; the server's own catalogue (findings about health read it) is nobody's table."""
    first = sorted(set(direct))
    second = sorted(set(indirect) - set(first))
    pairs = [*((pair, "direct") for pair in first), *((pair, "indirect") for pair in second)]
    return tuple(Source(*pair, kind) for pair, kind in pairs if not pair[0].startswith("pg_catalog."))


# --- results of Python ------------------------------------------------------------------------------------------------


def declared() -> dict[str, Mapping[str, Any]]:
    """What rooms declare of tables that Python writes: LINEAGE of aclue_pipeline/<room>/lineage.py, where a room has one."""
    from importlib import import_module
    from importlib.util import find_spec

    found: dict[str, Mapping[str, Any]] = {}
    for room in DERIVED_ROOMS:
        if find_spec(f"aclue_pipeline.{room}") and find_spec(f"aclue_pipeline.{room}.lineage"):
            found |= import_module(f"aclue_pipeline.{room}.lineage").LINEAGE
    return found


def with_declared(one: Table, said: Mapping[str, Any], known: Mapping[str, Table]) -> Table:
    """The table with the lineage that was declared for it; "*" holds for every column."""
    where = f"the lineage declared for {one.key}"
    for name in set(said) - {"*"}:
        if name not in {column.name for column in one.columns}:
            raise SqlFileError(f"{where} names the column {name}, which the table does not have")
    shared = _pairs(said.get("*", []), known, where)
    columns: list[Column] = []
    for column in one.columns:
        direct, indirect = _pairs(said.get(column.name, []), known, where)
        if not column.bookkeeping and column.name in said and (direct or indirect):
            direct, indirect = direct + shared[0], indirect + shared[1]
        columns.append(replace(column, lineage=_sources(direct, indirect)))
    upstream = tuple(sorted({source.table for column in columns for source in column.lineage} - {one.key}))
    return replace(one, columns=tuple(columns), upstream=upstream)


def _pairs(said: Any, known: Mapping[str, Table], where: str) -> tuple[list[basis.Pair], list[basis.Pair]]:
    parts = said if isinstance(said, Mapping) else {"direct": said}
    found: dict[str, list[basis.Pair]] = {"direct": [], "indirect": []}
    for kind, names in parts.items():
        for name in names:
            key, _, column = name.rpartition(".")
            if key not in known or column not in {c.name for c in known[key].columns}:
                raise SqlFileError(f"{where} names {name}, which is no column")
            found[kind].append((key, column))
    return found["direct"], found["indirect"]


# --- asking ----------------------------------------------------------------------------------------------------------


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


def split(name: str) -> tuple[str, str]:
    """ "analytics.revenue_daily.clicks", "revenue_daily.clicks" or a table alone → the table's key and the column or "".

    Raises NothingFound where no table is meant.
    """
    known = tables()
    if name in known or "." not in name:
        return table(name).key, ""
    before, _, last = name.rpartition(".")
    return table(before).key, last


def tree(key: str, column: str = "") -> Node:
    """What a column rests on, down to the app's tables; without a column, the tables a table is made of.

    An indirect source is a leaf: what decides about the deciding columns would bury the answer. Raises NothingFound.
    """
    one = table(key)
    if not column:
        return _table_tree(one, tables())
    return _column_tree(Source(one.key, one.column(column).name), tables())


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


def used_by(key: str, column: str = "") -> tuple[Source, ...]:
    """The columns that rest on this one (or on any of the table's): direct users first."""
    one = table(key)
    wanted = {one.column(column).name} if column else {c.name for c in one.columns}
    found = {
        Source(user.key, c.name, source.kind)
        for user in tables().values()
        for c in user.columns
        for source in c.lineage
        if source.table == one.key and source.column in wanted
    }
    direct = {(s.table, s.column) for s in found if s.kind == "direct"}
    return tuple(
        sorted(
            (s for s in found if s.kind == "direct" or (s.table, s.column) not in direct),
            key=lambda s: (s.kind, str(s)),
        )
    )


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
        yield f"└─ decided by {', '.join(indirect)}"
