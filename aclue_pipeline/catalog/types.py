"""Base types: what a reader needs to know of a type (text, int, numeric, timestamptz, …), from a parsed one or a server's.
Widths and scales are left out on purpose: without a server they cannot be told for an expression."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_BASE = {
    "int": "int", "integer": "int", "smallint": "int", "bigint": "int", "smallserial": "int", "serial": "int", "bigserial": "int", "int2": "int", "int4": "int", "int8": "int",
    "decimal": "numeric", "numeric": "numeric", "double precision": "float", "double": "float", "real": "float", "float": "float", "float4": "float", "float8": "float",
    "text": "text", "varchar": "text", "character varying": "text", "char": "text", "character": "text", "bpchar": "text", "name": "text", "citext": "text",
    "boolean": "bool", "bool": "bool",
    "timestamptz": "timestamptz", "timestamp with time zone": "timestamptz", "timestamp": "timestamp", "timestamp without time zone": "timestamp",
}  # fmt: skip


def base_of(name: str) -> str:
    """The base of a type as a server spells it: "numeric(10,2)" is numeric, "character varying(20)[]" is text[]."""
    import re

    bare = re.sub(r"\([^)]*\)", "", name.strip().lower())
    if bare.endswith("[]"):
        return base_of(bare[:-2]) + "[]"
    return _BASE.get(bare, bare)


def base_type(kind: "exp.Expression | None") -> str | None:
    """The base of a parsed type; None where the parser does not know it."""
    if kind is None:
        return None
    shown = kind.sql("postgres").lower()
    return None if shown in ("unknown", "null", "") else base_of(shown)
