"""The comments at the top and at the end of a SQL file: one grammar for tables, functions and checks, described in sql/README.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aclue_pipeline.catalog.statement import shown
from aclue_pipeline.catalog.table import Query
from aclue_pipeline.errors import SqlFileError

#: A query that a person starts from is read at a glance.
QUERY_LINES = 12


@dataclass(frozen=True)
class Header:
    """`rules`: the comment between the header and the statement, line by line; `body`: what follows the header, rules included, up to
    the queries at the end."""

    description: str
    values: dict[str, str]
    rules: str
    body: str
    queries: tuple[Query, ...]

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.values.get(key, "").split(",") if name.strip())


def read_header(text: str, path: Path, keys: Sequence[str], needed: Sequence[str] = ()) -> Header:
    """What one row is (or what holds, or what is returned), then `key: value` lines; a line indented further continues its value.

    Raises SqlFileError that says what is missing, or which line is not understood.
    """
    lines = text.splitlines()
    top = _comments(lines)
    description: list[str] = []
    values: dict[str, str] = {}
    last = ""
    for line in lines[:top]:
        comment = line.removeprefix("--").strip()
        match = re.fullmatch(r"([a-z]+):\s*(.*)", comment)
        if last and line.startswith("--  "):
            values[last] = f"{values[last]} {comment}".strip()
        elif match and match[1] in keys:
            last = match[1]
            values[last] = match[2]
        elif last:
            raise SqlFileError(f"{shown(path)}: the header has a line that is none of {', '.join(keys)}: {comment!r}")
        else:
            description.append(comment)
    if not " ".join(description).strip():
        raise SqlFileError(
            f"{shown(path)}: the first comment line must say what one row is, what is returned, or what holds"
        )
    for key in needed:
        if not values.get(key):
            raise SqlFileError(f"{shown(path)}: the header needs `-- {key}: …`")
    end = next((n for n, line in enumerate(lines) if line.startswith("-- query:")), len(lines))
    body = "\n".join(lines[top:end]).strip().rstrip(";").rstrip()
    rules = body.splitlines()
    rules = [line.removeprefix("--").removeprefix(" ").rstrip() for line in rules[: _comments(rules)]]
    return Header(" ".join(description).strip(), values, "\n".join(rules), body, _queries(lines[end:], path))


def _queries(lines: Sequence[str], path: Path) -> tuple[Query, ...]:
    """What stands below the statement: `-- query: what it answers`, its lines indented by two more blanks, up to the next one."""
    found: list[tuple[str, list[str]]] = []
    for line in filter(str.strip, lines):
        if line.startswith("-- query:"):
            found.append((line.removeprefix("-- query:").strip(), []))
        elif line.startswith("--   "):
            found[-1][1].append(line.removeprefix("--   ").rstrip())
        else:
            raise SqlFileError(
                f"{shown(path)}: below `-- query:` its lines begin with `--   `, not {line.strip()[:60]!r}"
            )
    for asks, sql in found:
        if not asks or not 1 <= len(sql) <= QUERY_LINES:
            raise SqlFileError(
                f"{shown(path)}: `-- query: {asks}` needs a question and one to {QUERY_LINES} lines of SQL"
            )
    return tuple(Query(asks, "\n".join(sql)) for asks, sql in found)


def _comments(lines: Sequence[str]) -> int:
    """How many lines at the top are comments."""
    return next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
