"""One statement of a SQL file as a tree, and the words that its comments say about a column. Shared by whoever reads files
(read.py, ddl.py); which statements there are is their business."""

from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from aclue_pipeline.catalog.table import Column
from aclue_pipeline.errors import SqlFileError


def parsed(sql: str, path: Path) -> exp.Expr:
    """One statement as a tree, its trailing comments on their projections.

    Raises SqlFileError with the parser's reason.
    """
    try:
        trees = sqlglot.parse(_joined_comments(sql), dialect="postgres")
    except SqlglotError as error:
        raise SqlFileError(f"{shown(path)}: {str(error).splitlines()[0]}") from error
    if len(trees) != 1 or trees[0] is None:
        raise SqlFileError(f"{shown(path)}: the file must hold one statement")
    return trees[0]


def _joined_comments(sql: str) -> str:
    """A comment line right below a trailing comment, indented further than the code before that, continues it."""
    lines: list[str] = []
    indent: int | None = None
    for line in sql.splitlines():
        stripped = line.lstrip()
        deep = len(line) - len(stripped)
        if indent is not None and stripped.startswith("--") and deep > indent:
            lines[-1] += " " + stripped.removeprefix("--").strip()
            continue
        indent = deep if "--" in stripped and not stripped.startswith("--") else None
        lines.append(line)
    return "\n".join(lines)


def described(name: str, description: str, type_: str | None = None) -> Column:
    """A column from its comment; the mark [pii] in it becomes a tag."""
    said = " ".join(description.replace("[pii]", "").split())
    return Column(name, said, type_, pii="[pii]" in description)


def shown(path: Path) -> str:
    """A file's name as a person finds it."""
    return "/".join(("sql", *path.parts[-2:]))
