"""What has to be known of a table to try it, from its declaration: what its least row is, whose it is, when it happened, what it
refers to. Nothing about any table stands in Python."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from aclue_pipeline.schema.census import Census, Fact, Thing
from aclue_pipeline.schema.declared import declared

USERS = "auth.users"
PRODUCTS = "public.products"
_TIME = "timestamp with time zone"
_BY_TYPE = {
    "boolean": "false",
    "date": "now()",
    "double precision[]": "'{0.5}'",
    "inet": "'127.0.0.1'",
    "integer": "1",
    "jsonb": "'{}'",
    "numeric": "0.5",
    "text": "'aclue-probe-' || gen_random_uuid()",
    "text[]": "'{probe}'",
    _TIME: "now()",
    "uuid": "gen_random_uuid()",
}


@dataclass(frozen=True)
class Index:
    """A declared index, as far as a look-up goes by it: plain columns (the first is what is looked for), and its condition."""

    name: str
    columns: tuple[str, ...]
    condition: str
    unique: bool


@dataclass(frozen=True)
class Shape:
    """`columns`: each column's declared facts; `references`: the table that a column refers to, as the server writes it."""

    table: str
    columns: Mapping[str, Mapping[str, Fact]]
    key: str
    references: Mapping[str, str]
    checks: tuple[str, ...]
    indexes: tuple[Index, ...]

    @property
    def owner(self) -> str:
        """The column that says whose a row is."""
        return next(column for column, target in self.references.items() if target == USERS)

    @property
    def ownerless(self) -> bool:
        return not self.columns[self.owner]["not_null"]

    @property
    def needed(self) -> list[str]:
        """What every row must hold and no default gives. One that is NULL, written so that a trigger fills it, gives nothing."""
        return [
            name
            for name, facts in self.columns.items()
            if facts["not_null"] and (facts["default"] is None or self._filled(name)) and name != self.owner
        ]

    @cached_property
    def least(self) -> list[str]:
        """The least that a writer must give beside whose row it is."""
        return [name for name in self.needed if not self._filled(name)]

    def _filled(self, name: str) -> bool:
        return str(self.columns[name]["default"]).startswith("NULLIF(")

    @cached_property
    def time(self) -> str:
        """When what a row tells of happened: what the writer says, else when the row was made; "" where neither is told."""
        defaulted = [
            name
            for name, facts in self.columns.items()
            if facts["type"] == _TIME and facts["default"] == "now()" and name != "updated_at"
        ]
        return min(defaulted, key=lambda name: name == "created_at", default="")

    @property
    def times(self) -> list[str]:
        return [name for name, facts in self.columns.items() if facts["type"] == _TIME]

    @cached_property
    def words(self) -> dict[str, str]:
        """The first of the words that a CHECK lists for a column."""
        found = (re.match(r"\(*(\w+) = ANY \(ARRAY\[('[^']*')", check) for check in self.checks)
        return {one[1]: one[2] for one in found if one}

    def type(self, column: str) -> str:
        return str(self.columns[column]["type"])

    def value(self, column: str) -> str:
        """A value that the column takes, as SQL: its default, a word that a CHECK lists, else one of its type."""
        default = self.columns[column]["default"]
        if default is not None:
            return "0" if self._filled(column) else str(default)
        return self.words.get(column) or _BY_TYPE.get(self.type(column).partition("(")[0], "null")


def some_value(kind: str, is_enum: bool) -> str:
    """Some value of a type as PostgreSQL writes it, as SQL; text is never twice the same."""
    if is_enum:
        return f"(enum_range(null::{kind}))[1]"
    words = kind.startswith(("text", "character"))
    value = "gen_random_uuid()::text" if words else _BY_TYPE.get(kind.partition("(")[0], "'0'")
    return f"({value})::{kind}"


def shapes() -> dict[str, Shape]:
    """Of every declared table."""
    census = declared()
    return {table: _shape(census, table) for table in census.tables}


def _shape(census: Census, table: str) -> Shape:
    constraints = list(census.of("constraint", table=table))

    def columns(thing: Thing) -> tuple[str, ...]:
        return tuple(thing.notes["columns"] or ())  # type: ignore[arg-type]

    return Shape(
        table,
        {one.key.name: one.facts for one in census.of("column", table=table)},
        next(columns(one)[0] for one in constraints if one.notes["contype"] == "p"),
        {columns(one)[0]: str(one.notes["references"]) for one in constraints if one.notes["contype"] == "f"},
        tuple(str(one.notes["expression"]) for one in constraints if one.notes["contype"] == "c"),
        (
            *(Index(one.key.name, columns(one), "", True) for one in constraints if one.notes["contype"] in ("p", "u")),
            *(
                Index(one.key.name, *_parsed(str(one.facts["definition"])), bool(one.notes["unique"]))
                for one in census.of("index", table=table)
            ),
        ),
    )


def _parsed(definition: str) -> tuple[tuple[str, ...], str]:
    """Plain columns of an index as the server writes it, up to the first expression, and its condition."""
    listed, _, condition = definition.partition(" USING ")[2].partition(" (")[2].partition(" WHERE ")
    columns = re.match(r"((?:\w+(?: DESC)?(?:, |(?=\))))*)", listed)
    names = columns[1].split(", ") if columns else []
    return tuple(name.removesuffix(" DESC") for name in names if name), condition
