"""The dictionary's picture: an entity-relationship diagram of the app's and the deployed tables, in Mermaid, which GitHub and editors
draw. How tables are made of one another, lineage says."""

import re
from collections.abc import Iterator

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.catalog.catalog import Catalog
from aclue_pipeline.catalog.read import DECLARED_ROOMS

_TABLE = re.compile(r"(?:create|alter) table (?:if not exists )?([\w.]+)", re.IGNORECASE)
_KEY = re.compile(
    r"(\w+)(?: \w+(?: not null)?|\)) references ([\w.]+)(?: \(\w+\))?(?: on delete (\w+(?: null)?))?", re.IGNORECASE
)


def lines(catalog: Catalog) -> Iterator[str]:
    """The page, without its mark."""
    foreign = sorted(foreign_keys(catalog))
    yield from ("# Keys of the app's and the deployed tables", "")
    yield "*Written by `aclue docs` from `sql/app/` and `sql/schema/`: edit the SQL files, not this page.*"
    yield "Only the columns that are keys; on a line stands the column, and what deleting the row that it names does."
    yield from ("", "```mermaid", "erDiagram")
    for table in (table for room in DECLARED_ROOMS for table in sorted(catalog.room(room), key=lambda t: t.key)):
        marks = dict.fromkeys(table.grain, "PK")
        for column in (column for key, column, *_ in foreign if key == table.key):
            marks[column] = f"{marks[column]}, FK" if column in marks else "FK"
        keys = [
            f"{column.type or 'unknown'} {column.name} {marks[column.name]}"
            for column in table.columns
            if column.name in marks
        ]
        yield from (f'    "{table.key}" {{', *(f"        {key}" for key in keys), "    }")
    yield from (f'    "{target}" |o--o{{ "{key}" : "{column}: {deletes}"' for key, column, target, deletes in foreign)
    yield "```"


def foreign_keys(catalog: Catalog) -> set[tuple[str, str, str, str]]:
    """(table, column, table that it names, what deleting there does), of tables that the diagram shows."""
    known = {table.key for room in DECLARED_ROOMS for table in catalog.room(room)}
    found = set()
    for path in (path for room in DECLARED_ROOMS for path in (catalog.root / room).glob("*.sql")):
        for statement in map(sqltext.without_comments, sqltext.statements(path.read_text(encoding="utf-8"))):
            table = _TABLE.match(statement)
            for column, target, deletes in _KEY.findall(statement) if table else ():
                if table and {table[1], target} <= known:
                    found.add((table[1], column, target, (deletes or "no action").lower()))
    return found
