"""Fills in what columns rest on and their types: from a table's SELECT, or as its header declares it for results of Python. How a
SELECT is followed stands in basis.py."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlglot import exp

from aclue_pipeline.catalog import basis, types
from aclue_pipeline.catalog.relation import Pair, Unresolved
from aclue_pipeline.catalog.statement import shown
from aclue_pipeline.catalog.table import Column, Function, Source, Table
from aclue_pipeline.errors import SqlFileError

Pairs = tuple[list[Pair], list[Pair]]


def resolved(
    ordered: Mapping[str, Table | Function], trees: Mapping[str, exp.Query | None], declared: Mapping[str, str]
) -> dict[str, Table | Function]:
    """The same, in the same order (sources first), with lineage and types of the tables' columns. `declared`: see `with_declared`.

    Raises SqlFileError where a SELECT or a declaration names a column that is not there.
    """
    functions = {key: one.type for key, one in ordered.items() if isinstance(one, Function)}
    done: dict[str, Table] = {}
    for key, one in ordered.items():
        if isinstance(one, Table):
            tree = trees[key]
            done[key] = types.inferred(_followed(one, tree, done), tree, done, functions) if tree else one
    for key, lineage in declared.items():
        if lineage:
            done[key] = with_declared(done[key], lineage, done)
    return {**ordered, **done}


def _followed(one: Table, tree: exp.Query, known: Mapping[str, Table]) -> Table:
    try:
        relation = basis.of_query(tree, known)
    except Unresolved as error:
        raise SqlFileError(f"{shown(one.path)}: none of its tables has the column {error}") from None
    columns = []
    for column in one.columns:
        basis_of = relation.columns.get(column.name)
        if basis_of is None or column.bookkeeping:
            columns.append(column)
            continue
        columns.append(replace(column, lineage=_sources(basis_of.direct, basis_of.indirect | relation.rows)))
    return replace(one, columns=tuple(columns))


def _sources(direct: Iterable[Pair], indirect: Iterable[Pair]) -> tuple[Source, ...]:
    """The pairs as sources; the server's own catalogue (findings about health read it) is nobody's table."""
    first = sorted(set(direct))
    second = sorted(set(indirect) - set(first))
    pairs = [*((pair, "direct") for pair in first), *((pair, "indirect") for pair in second)]
    return tuple(Source(*pair, kind) for pair, kind in pairs if not pair[0].startswith("pg_catalog."))


# --- results of Python ------------------------------------------------------------------------------------------------


def with_declared(one: Table, lineage: str, known: Mapping[str, Table]) -> Table:
    """The table with the lineage that its header declares: `column, column: direct | indirect; …`, the sources as
    `schema.table column column, …`; nothing after the colon is a column that rests on nothing. The entry `*` holds for every
    column that rests on something."""
    entries = [entry.partition(":") for entry in lineage.split(";") if entry.strip()]
    by_name = {name.strip(): _pairs(sources, known, one) for names, _, sources in entries for name in names.split(",")}
    shared = by_name.pop("*", ([], []))
    unknown = by_name.keys() - {column.name for column in one.columns}
    if unknown:
        raise SqlFileError(
            f"{shown(one.path)}: its lineage names the column {min(unknown)}, which the table does not have"
        )
    silent = [c.name for c in one.columns if c.name not in by_name and not c.bookkeeping]
    if silent and one.kind != "deployed":
        raise SqlFileError(
            f"{shown(one.path)}: its lineage names all columns but {', '.join(silent)}; say `{silent[0]}:` for nothing"
        )
    columns: list[Column] = []
    for column in one.columns:
        direct, indirect = by_name.get(column.name, ([], []))
        if not column.bookkeeping and (direct or indirect):
            direct, indirect = direct + shared[0], indirect + shared[1]
        columns.append(replace(column, lineage=_sources(direct, indirect)))
    upstream = {source.table for column in columns for source in column.lineage} - {one.key}
    return replace(one, columns=tuple(columns), upstream=tuple(sorted(upstream)))


def _pairs(sources: str, known: Mapping[str, Table], one: Table) -> Pairs:
    direct, _, indirect = sources.partition("|")
    return _named(direct, known, one), _named(indirect, known, one)


def _named(sources: str, known: Mapping[str, Table], one: Table) -> list[Pair]:
    pairs = []
    for key, *columns in (group.split() for group in sources.split(",") if group.strip()):
        for column in columns or [""]:
            if key not in known or column not in {c.name for c in known[key].columns}:
                raise SqlFileError(f"{shown(one.path)}: its lineage names {key}.{column}, which is no column")
            pairs.append((key, column))
    return pairs
