"""What a census is made of: things under a key, with the facts by which two of them are compared. No database, no SQL."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from aclue_pipeline.catalog.sqltext import digest

#: As JSON has it, so that a census can be written down, shipped and read again.
Fact = str | int | bool | None | list[str]

#: Stands for the owner's name in what is declared, and for the owner as a grantee everywhere.
OWNER = "$owner"
#: Stands for a thing's own name within its definition, so that a rename shows as one.
NAME = "$name"
#: Everybody, as a grantee and in a policy's roles; no role can be called so without quotes.
PUBLIC = "PUBLIC"


class Key(NamedTuple):
    """Which thing: the name of its kind, the deployed table it belongs to ("" for what belongs to none, as functions do), its
    name there ("" for what a table has one of)."""

    kind: str
    table: str
    name: str

    @property
    def label(self) -> str:
        """As a person names it where the kind is clear: product_views.view_position, product_views, pipeline.fill_in()."""
        return ".".join(part for part in (self.table, self.name) if part)

    def __str__(self) -> str:
        return f"{self.kind} {self.label}"


@dataclass(frozen=True)
class Thing:
    """`facts`: all that is compared, in the server's own words; `notes`: what is only worth knowing (order, size, oid);
    `needs`: the things of the same census that must be there first."""

    key: Key
    facts: Mapping[str, Fact]
    notes: Mapping[str, Fact]
    needs: tuple[Key, ...]


@dataclass(frozen=True)
class Census:
    """Every thing by its key, sorted by table, then in the order of KINDS, then by name."""

    things: Mapping[Key, Thing]

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(key.table for key in self.things if key.kind == "table")

    @property
    def functions(self) -> tuple[str, ...]:
        """Schema and name, without arguments."""
        return tuple(key.name.partition("(")[0] for key in self.things if key.kind == "function")

    def of(self, *kinds: str, table: str | None = None) -> Iterator[Thing]:
        """The things of these kinds, of one table or of all."""
        for key, thing in self.things.items():
            if key.kind in kinds and table in (None, key.table):
                yield thing

    def owned_by(self, role: str) -> "Census":
        """The census with the role's name where the placeholder for the owner stands among the facts."""
        return Census(
            {
                key: replace(thing, facts={name: role if fact == OWNER else fact for name, fact in thing.facts.items()})
                for key, thing in self.things.items()
            }
        )


def fingerprint(census: Census) -> str:
    """16 hexadecimal digits over all facts: equal for equal deployments, on whatever version of the server."""
    said = [[*key, dict(thing.facts)] for key, thing in sorted(census.things.items())]
    return digest(json.dumps(said, sort_keys=True))


def as_json(census: Census) -> str:
    """One line a thing, so that a difference between two versions reads as one."""
    lines = (
        json.dumps(
            {"key": thing.key, "facts": thing.facts, "notes": thing.notes, "needs": thing.needs}, ensure_ascii=False
        )
        for thing in census.things.values()
    )
    return "[\n" + ",\n".join(lines) + "\n]"


def of_json(said: list[dict[str, Any]]) -> Census:
    things = (
        Thing(Key(*one["key"]), one["facts"], one["notes"], tuple(Key(*need) for need in one["needs"])) for one in said
    )
    return Census({thing.key: thing for thing in things})
