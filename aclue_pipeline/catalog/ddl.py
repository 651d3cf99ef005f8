"""Reads CREATE TABLE, ALTER TABLE … ADD COLUMN and COMMENT ON out of scripts: columns, base types, keys and descriptions.
Everything else in them (policies, triggers, functions) is not looked at."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.catalog.table import Column

if TYPE_CHECKING:
    from sqlglot import exp

_RELEVANT = re.compile(
    r"(create (unlogged )?table|alter table .* add column|comment on (table|column)) ", re.IGNORECASE
)


@dataclass
class Declared:
    """One table as statements declare it; `key` is its primary key."""

    schema: str
    name: str
    path: Path
    columns: dict[str, Column] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    description: str = ""


def read(*paths: Path) -> list[Declared]:
    """The tables that scripts create, in order; scripts may add to each other's tables, in whatever order they are named.

    Raises SqlFileError where such a statement cannot be parsed.
    """
    return read_texts({path: path.read_text(encoding="utf-8") for path in paths})


def read_texts(texts: dict[Path, str]) -> list[Declared]:
    from sqlglot import exp

    from aclue_pipeline.catalog.read import parsed

    trees = [
        (path, parsed(statement, path))
        for path, text in texts.items()
        for statement in sqltext.statements(text)
        if _RELEVANT.match(sqltext.without_comments(statement))
    ]
    found: dict[str, Declared] = {}
    for path, tree in trees:
        if isinstance(tree, exp.Create):
            one = _created(tree, path)
            found.setdefault(f"{one.schema}.{one.name}", one)
    for _, tree in trees:
        if isinstance(tree, exp.Alter):
            _altered(tree, found)
    for _, tree in trees:
        if isinstance(tree, exp.Comment):
            _commented(tree, found)
    return list(found.values())


def _created(tree: "exp.Create", path: Path) -> Declared:
    from sqlglot import exp

    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    one = Declared(table.db or "public", table.name, path)
    for part in tree.this.expressions if isinstance(tree.this, exp.Schema) else ():
        if isinstance(part, exp.ColumnDef):
            _add(one, part)
        else:
            for key in part.find_all(exp.PrimaryKey):
                one.key = tuple(column.name for column in key.expressions)
    return one


def _add(one: Declared, part: "exp.ColumnDef") -> None:
    from sqlglot import exp

    from aclue_pipeline.catalog.read import described
    from aclue_pipeline.catalog.types import base_type

    # The parser hangs a last column's comment on whichever part of it came last.
    comments = " ".join(comment.strip() for node in part.walk() for comment in node.comments or ())
    one.columns[part.name] = described(part.name, comments, base_type(part.args.get("kind")))
    if part.find(exp.PrimaryKeyColumnConstraint):
        one.key = (part.name,)


def _commented(tree: "exp.Comment", found: dict[str, Declared]) -> None:
    from sqlglot import exp

    from aclue_pipeline.catalog.read import described

    on, said = tree.this, tree.expression.name
    if isinstance(on, exp.Column):
        one = found.get(f"{on.db or 'public'}.{on.table}")
        if one and on.name in one.columns:
            one.columns[on.name] = described(on.name, said, one.columns[on.name].type)
    else:
        one = found.get(f"{on.db or 'public'}.{on.name}")
        if one:
            one.description = said


def _altered(tree: "exp.Alter", found: dict[str, Declared]) -> None:
    from sqlglot import exp

    one = found.get(f"{tree.this.db or 'public'}.{tree.this.name}")
    for action in tree.args.get("actions") or ():
        if one and isinstance(action, exp.ColumnDef):
            _add(one, action)
