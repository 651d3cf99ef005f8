"""Base types: what a reader needs to know of a type (text, int, numeric, timestamptz, …), from a parsed one or a server's.
Widths and scales are left out on purpose: without a server they cannot be told for an expression."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from aclue_pipeline.catalog.table import Table

_SPELLINGS = {
    "int": "int integer smallint bigint serial smallserial bigserial int2 int4 int8",
    "numeric": "numeric decimal",
    "float": "float double real float4 float8",
    "text": "text varchar char character bpchar name citext",
    "bool": "bool boolean",
}
_BASE = {spelling: base for base, spellings in _SPELLINGS.items() for spelling in spellings.split()} | {
    "double precision": "float",
    "character varying": "text",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}


def base_of(name: str) -> str:
    """The base of a type as a server spells it: "numeric(10,2)" is numeric, "character varying(20)[]" is text[]."""
    bare = re.sub(r"\([^)]*\)", "", name.strip().lower())
    if bare.endswith("[]"):
        return base_of(bare[:-2]) + "[]"
    return _BASE.get(bare, bare)


def base_type(kind: exp.Expr | None) -> str | None:
    """The base of a parsed type; None where the parser does not know it."""
    if kind is None:
        return None
    shown = kind.sql("postgres").lower()
    return None if shown in ("unknown", "null", "") else base_of(shown)


def inferred(table: Table, tree: exp.Expr, known: Mapping[str, Table], functions: Mapping[str, str | None]) -> Table:
    """The table with the base types of its columns, as far as the parser can tell them; None where it cannot. `functions`: the
    types of ours."""
    schema: dict[str, Any] = {}
    for key in table.upstream:
        if key in known:
            source = known[key]
            schema.setdefault(source.schema, {})[source.name] = {c.name: c.type or "unknown" for c in source.columns}
    try:
        qualified = qualify(
            tree.copy(), schema=schema, dialect="postgres", validate_qualify_columns=False, identify=False
        )
        annotated = annotate_types(
            qualified.transform(partial(_with_known_types, functions)), schema=schema, dialect="postgres"
        )
    except SqlglotError:
        # The parser's optimiser knows less SQL than its parser: a type is a courtesy, the server's word is what counts.
        return table
    found = {projection.alias_or_name: _of(projection) for projection in cast(exp.Query, annotated).selects}
    return replace(table, columns=tuple(replace(c, type=c.type or found.get(c.name)) for c in table.columns))


#: Functions of PostgreSQL whose result type the parser does not know.
_FUNCTIONS = {
    "hash_record_extended": "bigint",
    "hashtextextended": "bigint",
    "jsonb_array_elements_text": "text",
    "jsonb_typeof": "text",
    "btrim": "text",
}


def _with_known_types(functions: Mapping[str, str | None], node: exp.Expr) -> exp.Expr:
    """The same expression with a cast where PostgreSQL's type is certain and the parser's is not."""
    certain = None
    if isinstance(node, exp.JSONExtractScalar):
        certain = "text"
    elif isinstance(node, exp.Round) and node.args.get("decimals"):
        certain = "numeric"
    elif isinstance(node, exp.Anonymous):
        certain = _FUNCTIONS.get(node.name.lower())
    elif isinstance(node, exp.Dot) and isinstance(node.expression, exp.Func):
        certain = functions.get(f"{node.this.name}.{node.expression.name}".lower())
    return exp.cast(node, certain, dialect="postgres") if certain else node


def _of(node: exp.Expr | None) -> str | None:
    """The base type of an annotated expression, looking into what the parser gives up on."""
    if node is None:
        return None
    known = base_type(node.type)
    if isinstance(node, exp.Array) and node.expressions and isinstance(node.expressions[0], exp.Query):
        element = _of(node.expressions[0].selects[0])
        return f"{element}[]" if element else None
    if known is not None:
        return known
    if isinstance(node, exp.Coalesce):
        return next((found for part in (node.this, *node.expressions) if (found := _of(part))), None)
    if isinstance(node, exp.Case):
        results = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
        return next((found for part in results if (found := _of(part))), None)
    if isinstance(node, exp.Alias | exp.Paren | exp.Filter):
        return _of(node.this)
    return None
