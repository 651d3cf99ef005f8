"""Reads sql/functions: one `create or replace function` or `aggregate` a file. What a body computes is the server's business; here
its type, its arguments and what it stands on are read off the text."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.catalog.header import read_header
from aclue_pipeline.catalog.statement import shown
from aclue_pipeline.catalog.table import Function
from aclue_pipeline.catalog.types import base_of
from aclue_pipeline.errors import SqlFileError

_FUNCTION = re.compile(
    r"create or replace function (?P<schema>\w+)\.(?P<name>\w+) ?\((?P<arguments>.*?)\) returns (?P<returns>.+?)"
    r" (language|immutable|stable|volatile|strict|called|parallel|security|cost|rows|set|return|begin|as)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_AGGREGATE = re.compile(
    r"create or replace aggregate (?P<schema>\w+)\.(?P<name>\w+) ?\((?P<arguments>[^)]*)\) \("
    r"(?=.*\bstype = (?P<returns>[\w ]+))(?:.*\bfinalfunc = (?P<final>[\w.]+))?.*\)",
    re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(r"\b[a-z_]\w*\.[a-z_]\w*\b")


def read_functions(folder: Path) -> list[Function]:
    """Every function, by name. Raises SqlFileError naming the file that cannot be read."""
    found = {function.key: function for function in map(_read, sorted(folder.glob("*.sql")))}
    finals = {key: _final(function) for key, function in found.items()}
    return [
        replace(function, returns=found[final].returns, type=found[final].type)
        if (final := finals[key]) in found
        else function
        for key, function in found.items()
    ]


def standing_on(functions: Iterable[Function], known: Iterable[str]) -> list[Function]:
    """The same functions, `upstream` narrowed to what is described: in a body a dot may stand between other names too."""
    names = set(known)
    return [replace(one, upstream=tuple(key for key in one.upstream if key in names)) for one in functions]


def _read(path: Path) -> Function:
    text = path.read_text(encoding="utf-8")
    header = read_header(text, path, ("kind", "owner"), needed=("kind", "owner"))
    plain = sqltext.without_comments(header.body)
    aggregate = _AGGREGATE.fullmatch(plain)
    match = aggregate or _FUNCTION.fullmatch(plain)
    if header.values["kind"] != "function" or match is None or len(sqltext.statements(header.body)) != 1:
        raise SqlFileError(f"{shown(path)}: a file of kind function holds one `create or replace function … returns …`")
    if match["name"] != path.stem:
        raise SqlFileError(f"{shown(path)}: the file is named {path.stem}, its function {match['name']}")
    key, returns = f"{match['schema']}.{match['name']}", match["returns"].strip()
    is_rows = returns.lower().startswith(("setof ", "table"))
    return Function(
        key=key,
        schema=match["schema"],
        name=match["name"],
        arguments=match["arguments"].strip(),
        returns=returns,
        type=None if is_rows else base_of(returns),
        is_aggregate=aggregate is not None,
        sql=header.body,
        path=path,
        description=header.description,
        rules=header.rules,
        queries=header.queries,
        owner=header.values["owner"],
        upstream=tuple(sorted(set(_NAME.findall(plain)) - {key})),
        code_version=sqltext.digest(plain),
        fingerprint=sqltext.digest(text),
    )


def _final(function: Function) -> str:
    """The function whose result an aggregate ends with; "" where that is its state."""
    match = _AGGREGATE.fullmatch(sqltext.without_comments(function.sql))
    return match["final"] or "" if match else ""
