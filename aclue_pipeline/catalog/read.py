"""Reads sql/: each file's header, columns and descriptions become a `Table`. What the columns rest on is lineage.py's and
types.py's work; what a database makes of it build.py's.

The format of a file is described for its authors in sql/README.md."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from aclue_pipeline.catalog import sqltext
from aclue_pipeline.catalog.statement import described, parsed, shown
from aclue_pipeline.catalog.table import ENSURED, Column, Table
from aclue_pipeline.errors import NothingFound, SqlFileError
from aclue_pipeline.settings import sql_folder

if TYPE_CHECKING:
    from sqlglot import exp

#: Rooms whose files describe derived tables, in the order in which data travels, and the schema of what they make.
DERIVED_ROOMS = {
    "staging": "staging",
    "preferences": "analytics",
    "revenue": "analytics",
    "funnel": "analytics",
    "health": "analytics",
}
#: Rooms whose CREATE TABLE and COMMENT ON statements are read for columns, and the kind of their tables.
DECLARED_ROOMS = {"app": "app", "schema": "deployed"}

HEADER_KEYS = ("kind", "grain", "clock", "owner", "schema", "headline")

_BOOKKEEPING = (
    Column(
        "computed_at", "When this row was written (time stamp); bookkeeping, left out of comparisons.", "timestamptz"
    ),
    Column(
        "run_id",
        "The run that wrote this row; NULL when written outside Dagster. Bookkeeping, left out of comparisons.",
        "text",
    ),
)

_root: ContextVar[Path | None] = ContextVar("sql_root", default=None)


def sql_root() -> Path:
    """The folder of SQL files: inside the package in an installed wheel, beside it in a checkout."""
    return _root.get() or sql_folder()


@contextmanager
def reading(root: Path) -> Iterator[None]:
    """Read another folder of SQL files for the block: for a test that adds a table."""
    token = _root.set(root)
    try:
        yield
    finally:
        _root.reset(token)


def tables() -> dict[str, Table]:
    """Every table by key ("analytics.revenue_daily"): the app's, the deployed, then the derived in dependency order.

    Raises SqlFileError naming the file that cannot be read.
    """
    return dict(_tables(sql_root()))


def table(key: str) -> Table:
    """The table of that key, or of that bare name: a derived one before the app's. Raises NothingFound."""
    known = tables()
    if key in known:
        return known[key]
    named = sorted((t for t in known.values() if t.name == key), key=lambda t: t.kind not in ENSURED)
    if named:
        return named[0]
    import difflib

    near = difflib.get_close_matches(key, [*known, *(t.name for t in known.values())], n=1, cutoff=0.5)
    raise NothingFound(
        f"there is no table {key}" + (f"; did you mean {near[0]}?" if near else "; `aclue lineage` lists them")
    )


def forget() -> None:
    """Read the files again next time: they changed while this process runs."""
    _tables.cache_clear()


@lru_cache(maxsize=4)
def _tables(root: Path) -> dict[str, Table]:
    from aclue_pipeline.catalog import lineage

    found = {t.key: t for t in _declared(root)}
    for room in DERIVED_ROOMS:
        for path in sorted((root / room).glob("*.sql")):
            derived = read_file(path, room)
            if derived.key in found:
                raise SqlFileError(
                    f"{shown(path)}: {derived.key} is already described by {shown(found[derived.key].path)}"
                )
            found[derived.key] = derived
    ordered = _in_dependency_order(found)
    return lineage.resolved(ordered)


def _in_dependency_order(found: dict[str, Table]) -> dict[str, Table]:
    """Sources before what is made of them; otherwise in the order of rooms and files. Raises SqlFileError on a circle."""
    ordered: dict[str, Table] = {}
    waiting: list[str] = []

    def place(key: str) -> None:
        if key in ordered:
            return
        if key in waiting:
            circle = " → ".join([*waiting[waiting.index(key) :], key])
            raise SqlFileError(f"{shown(found[key].path)}: its SELECT leads back to itself: {circle}")
        waiting.append(key)
        for source in found[key].upstream:
            if source in found:
                place(source)
        waiting.pop()
        ordered[key] = found[key]

    for key in found:
        place(key)
    return ordered


# --- one file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Header:
    description: str
    values: dict[str, str]
    body: str

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.values.get(key, "").split(",") if name.strip())


def read_file(path: Path, room: str) -> Table:
    """One file of a derived table. Raises SqlFileError that says what is missing."""
    text = path.read_text(encoding="utf-8")
    header = read_header(text, path)
    kind = header.values.get("kind", "")
    if kind not in ENSURED:
        raise SqlFileError(f"{shown(path)}: `-- kind:` must be one of {', '.join(ENSURED)}")
    if not header.values.get("owner"):
        raise SqlFileError(f"{shown(path)}: the header needs `-- owner: team:…`")
    read = _read_python if kind == "python" else _read_selected
    found = read(path, room, header)
    grain = header.names("grain") or found.grain
    names = [column.name for column in found.columns]
    unknown = [name for name in (*grain, *header.names("headline")) if name not in names]
    if not grain or unknown:
        what = ", ".join(unknown) or "nothing"
        raise SqlFileError(f"{shown(path)}: `-- grain:` and `-- headline:` must name columns of the file, not {what}")
    silent = [column.name for column in found.columns if not column.description]
    if silent:
        raise SqlFileError(f"{shown(path)}: no comment says what these columns mean: {', '.join(silent)}")
    if kind == "daily" and not header.values.get("clock"):
        raise SqlFileError(f"{shown(path)}: a daily table needs `-- clock:` (which time stamp makes the day)")
    return replace(
        found,
        grain=grain,
        clock=grain[0] if kind == "daily" else "",
        clock_says=header.values.get("clock", ""),
        headline=header.names("headline"),
        code_version=sqltext.digest(kind, ",".join(grain), sqltext.without_comments(header.body)),
        fingerprint=sqltext.digest(text),
    )


def read_header(text: str, path: Path) -> Header:
    """The comment at the top: what one row is, then `key: value` lines; what follows the first other line is the body."""
    lines = text.splitlines()
    top = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    description, values, last = [], {}, ""
    for line in lines[:top]:
        said = line.removeprefix("--").strip()
        match = re.fullmatch(r"([a-z]+):\s*(.*)", said)
        if match and match[1] in HEADER_KEYS:
            last = match[1]
            values[last] = match[2]
        elif last and line.startswith("--  "):
            values[last] = f"{values[last]} {said}"
        elif last:
            raise SqlFileError(
                f"{shown(path)}: the header has a line that is none of {', '.join(HEADER_KEYS)}: {said!r}"
            )
        else:
            description.append(said)
    if not " ".join(description).strip():
        raise SqlFileError(f"{shown(path)}: the first comment line must say what one row is")
    return Header(" ".join(description).strip(), values, "\n".join(lines[top:]).strip().rstrip(";").rstrip())


def _read_selected(path: Path, room: str, header: Header) -> Table:
    from sqlglot import exp

    tree = parsed(header.body, path)
    if not isinstance(tree, exp.Query):
        raise SqlFileError(f"{shown(path)}: the file must hold one SELECT")
    columns = []
    for projection in tree.selects:
        if not isinstance(projection, exp.Alias):
            what = projection.sql("postgres")[:60]
            raise SqlFileError(f"{shown(path)}: write every column as `… as name, -- what it says`; not {what!r}")
        columns.append(_column(projection.alias, projection.comments))
    kind, schema = header.values["kind"], header.values.get("schema") or DERIVED_ROOMS[room]
    parameters = sqltext.parameters(header.body)
    if kind == "view" and parameters:
        raise SqlFileError(f"{shown(path)}: a view takes no parameters (:{parameters[0]})")
    taken = {column.name for column in columns}
    if kind != "view":
        columns += [column for column in _BOOKKEEPING if column.name not in taken]
    return Table(
        key=f"{schema}.{path.stem}",
        schema=schema,
        name=path.stem,
        room=room,
        kind=kind,
        sql=header.body,
        path=path,
        description=header.description,
        grain=(),
        columns=tuple(columns),
        owner=header.values["owner"],
        parameters=parameters,
        upstream=_upstream(tree),
    )


def _read_python(path: Path, room: str, header: Header) -> Table:
    from aclue_pipeline.catalog import ddl

    declared = ddl.read_texts({path: header.body})
    if len(declared) != 1:
        raise SqlFileError(f"{shown(path)}: a file of kind python holds one CREATE TABLE")
    one = declared[0]
    if one.name != path.stem:
        raise SqlFileError(f"{shown(path)}: the file is named {path.stem}, its table {one.name}")
    return Table(
        key=f"{one.schema}.{one.name}",
        schema=one.schema,
        name=one.name,
        room=room,
        kind="python",
        sql=header.body,
        path=path,
        description=header.description,
        grain=one.key,
        columns=tuple(one.columns.values()),
        owner=header.values["owner"],
    )


def _declared(root: Path) -> list[Table]:
    """The app's tables (both catalogue shapes together) and the deployed ones."""
    from aclue_pipeline.catalog import ddl

    found = []
    for room, kind in DECLARED_ROOMS.items():
        for one in ddl.read(*sorted((root / room).glob("**/*.sql"))):
            text = one.path.read_text(encoding="utf-8")
            declared = Table(
                key=f"{one.schema}.{one.name}",
                schema=one.schema,
                name=one.name,
                room=room,
                kind=kind,
                sql=text,
                path=one.path,
                description=one.description,
                grain=one.key,
                columns=tuple(one.columns.values()),
                owner="team:app" if kind == "app" else "team:data",
                code_version=sqltext.digest(sqltext.without_comments(text)),
                fingerprint=sqltext.digest(text),
            )
            found.append(declared)
    return found


def _column(name: str, comments: list[str] | None, type_: str | None = None) -> Column:
    return described(name, " ".join(comment.strip() for comment in comments or ()), type_)


def _upstream(tree: "exp.Expr") -> tuple[str, ...]:
    from sqlglot import exp

    return tuple(sorted({f"{t.db}.{t.name}" for t in tree.find_all(exp.Table) if t.db and t.db != "pg_catalog"}))
