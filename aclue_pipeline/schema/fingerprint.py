"""One short text for everything that is deployed: two databases with the same fingerprint have the same columns, constraints,
indexes, policies, grants, triggers, functions, comments and security flags, on whatever server version and however they came by
them. Taken over the server's own words, so that it sees what a comparison of meanings forgives."""

from typing import TYPE_CHECKING

from aclue_pipeline.catalog.sqltext import digest
from aclue_pipeline.schema import objects
from aclue_pipeline.schema.scripts import scripts

if TYPE_CHECKING:
    import sqlalchemy as sa


def fingerprint(connection: "sa.Connection") -> str:
    """16 hexadecimal digits; also of a database with nothing deployed."""
    things = objects.observed(connection, scripts())
    return digest(*(f"{key!r} {things[key].definition} {things[key].ready}" for key in sorted(things)))
