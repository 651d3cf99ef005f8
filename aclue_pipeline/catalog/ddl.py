"""Reads CREATE TABLE, ALTER TABLE … ADD COLUMN and COMMENT ON out of scripts: columns, base types, keys and descriptions.
Everything else in them (policies, triggers, functions) is not looked at."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from sqlglot import exp

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.catalog.statement import described, parsed
from aclue_pipeline.catalog.table import Column
from aclue_pipeline.catalog.types import base_type

_TABLE = re.compile(r"(create (unlogged )?table|alter table .* add column) ", re.IGNORECASE)
_COMMENT = re.compile(
    r"comment on (?P<kind>table|column) (?P<name>[\w.\"]+) is '(?P<said>.*)'", re.IGNORECASE | re.DOTALL
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
    trees, comments = [], []
    for path, text in texts.items():
        for statement in sqltext.statements(text):
            plain = sqltext.without_comments(statement)
            if _TABLE.match(plain):
                trees.append((path, parsed(statement, path)))
            elif comment := _COMMENT.fullmatch(plain):
                comments.append(comment)
    declared: dict[str, Declared] = {}
    for path, tree in trees:
        if isinstance(tree, exp.Create):
            one = _created(tree, path)
            declared.setdefault(f"{one.schema}.{one.name}", one)
    for _, tree in trees:
        if isinstance(tree, exp.Alter):
            _altered(tree, declared)
    for comment in comments:
        _commented(comment, declared)
    return list(declared.values())


def _created(tree: exp.Create, path: Path) -> Declared:
    table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    one = Declared(table.db or "public", table.name, path)
    for part in tree.this.expressions if isinstance(tree.this, exp.Schema) else ():
        if isinstance(part, exp.ColumnDef):
            _add(one, part)
        else:
            for key in part.find_all(exp.PrimaryKey):
                one.key = tuple(column.name for column in key.expressions)
    return one


def _add(one: Declared, part: exp.ColumnDef) -> None:
    # The parser hangs a last column's comment on whichever part of it came last, or on two.
    said = dict.fromkeys(comment.strip() for node in part.walk() for comment in node.comments or ())
    comments = " ".join(said)
    one.columns[part.name] = described(part.name, comments, base_type(part.args.get("kind")))
    if part.find(exp.PrimaryKeyColumnConstraint):
        one.key = (part.name,)


def _commented(comment: re.Match[str], declared: dict[str, Declared]) -> None:
    name, text = comment["name"].replace('"', ""), comment["said"].replace("''", "'")
    table, _, column = (name, "", "") if comment["kind"].lower() == "table" else name.rpartition(".")
    one = declared.get(table if "." in table else f"public.{table}")
    if one and column in one.columns:
        one.columns[column] = described(column, text, one.columns[column].type)
    elif one and not column:
        one.description = text.removesuffix(" [aclue]")  # a mark for `aclue deploy`


def _altered(tree: exp.Alter, declared: dict[str, Declared]) -> None:
    one = declared.get(f"{tree.this.db or 'public'}.{tree.this.name}")
    for action in tree.args.get("actions") or ():
        if one and isinstance(action, exp.ColumnDef):
            _add(one, action)
