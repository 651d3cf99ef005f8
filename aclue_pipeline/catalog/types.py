"""Base types: what a reader needs to know of a type (text, int, numeric, timestamptz, …), from a parsed one or a server's.
Widths and scales are left out on purpose: without a server they cannot be told for an expression."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

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
    import re

    bare = re.sub(r"\([^)]*\)", "", name.strip().lower())
    if bare.endswith("[]"):
        return base_of(bare[:-2]) + "[]"
    return _BASE.get(bare, bare)


def base_type(kind: "exp.Expr | None") -> str | None:
    """The base of a parsed type; None where the parser does not know it."""
    if kind is None:
        return None
    shown = kind.sql("postgres").lower()
    return None if shown in ("unknown", "null", "") else base_of(shown)
