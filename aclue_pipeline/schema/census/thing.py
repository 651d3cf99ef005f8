"""What a census is made of: things under a key, with the facts by which two of them are compared. No database, no SQL."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

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
