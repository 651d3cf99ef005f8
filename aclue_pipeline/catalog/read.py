"""Reads the files of tables: header, columns and descriptions become a `Table`. What the columns rest on is resolve.py's and
types.py's work; what a database makes of it derived's.

The format of a file is described for its authors in sql/README.md."""

from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from sqlglot import exp

from aclue_pipeline.catalog import ddl, sqltext
from aclue_pipeline.catalog.header import Header, read_header
from aclue_pipeline.catalog.statement import described, parsed, shown
from aclue_pipeline.catalog.table import CREATED, ENSURED, CheckFile, Column, Severity, Table
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.settings import Settings

#: Rooms whose files describe derived tables, in the order in which data travels, and the schema of what they make.
DERIVED_ROOMS = {
    "pipeline": "pipeline",
    "staging": "staging",
    "preferences": "analytics",
    "revenue": "analytics",
    "funnel": "analytics",
    "health": "analytics",
}
#: Rooms whose CREATE TABLE and COMMENT ON statements are read for columns, and the kind of their tables.
DECLARED_ROOMS = {"app": "app", "schema": "deployed"}

#: A table, the tree of its SELECT where it has one, and the lineage that its header declares.
TableFile = tuple[Table, exp.Query | None, str]

TABLE_KEYS = ("kind", "grain", "clock", "owner", "schema", "headline", "reads", "readers", "lineage")
CHECK_KEYS = ("asset", "severity", "remedy")

_BOOKKEEPING = (
    Column(
        "computed_at", "When this row was written (time stamp); bookkeeping, left out of comparisons.", "timestamptz"
    ),
    Column(
        "run_id",
        "The run that wrote this row; NULL when written outside Dagster. Bookkeeping, left out of comparisons.",
        "text",
    ),
    Column(
        "publication",
        "Number of the publication that wrote this row (pipeline.publications); NULL when by a release before there were any. "
        "Bookkeeping, left out of comparisons.",
        "int",
    ),
)


def read_table(path: Path, room: str) -> TableFile:
    """One file of a derived table. Raises SqlFileError that says what is missing."""
    text = path.read_text(encoding="utf-8")
    header = read_header(text, path, TABLE_KEYS)
    kind = header.values.get("kind", "")
    if kind not in ENSURED:
        raise SqlFileError(f"{shown(path)}: `-- kind:` must be one of {', '.join(ENSURED)}")
    if not header.values.get("owner"):
        raise SqlFileError(f"{shown(path)}: the header needs `-- owner: team:…`")
    tree: exp.Query | None = None
    if kind in CREATED:
        read = _read_created(path, room, header)
    else:
        read, tree = _read_selected(path, room, header)
    grain = header.names("grain") or read.grain
    names = [column.name for column in read.columns]
    unknown = [name for name in (*grain, *header.names("headline")) if name not in names]
    if not grain or unknown:
        what = ", ".join(unknown) or "nothing"
        raise SqlFileError(f"{shown(path)}: `-- grain:` and `-- headline:` must name columns of the file, not {what}")
    silent = [column.name for column in read.columns if not column.description]
    if silent:
        raise SqlFileError(f"{shown(path)}: no comment says what these columns mean: {', '.join(silent)}")
    if kind == "daily" and not header.values.get("clock"):
        raise SqlFileError(f"{shown(path)}: a daily table needs `-- clock:` (which time stamp makes the day)")
    table = replace(
        read,
        grain=grain,
        clock=grain[0] if kind == "daily" else "",
        clock_says=header.values.get("clock", ""),
        headline=header.names("headline"),
        reads=header.names("reads"),
        readers=header.names("readers"),
        code_version=sqltext.digest(kind, ",".join(grain), sqltext.without_comments(header.body)),
        fingerprint=sqltext.digest(text),
    )
    return table, tree, header.values.get("lineage", "")


def _read_selected(path: Path, room: str, header: Header) -> tuple[Table, exp.Query]:
    tree = parsed(header.body, path)
    if not isinstance(tree, exp.Query):
        raise SqlFileError(f"{shown(path)}: the file must hold one SELECT")
    columns = []
    for projection in tree.selects:
        if not isinstance(projection, exp.Alias):
            what = projection.sql("postgres")[:60]
            raise SqlFileError(f"{shown(path)}: write every column as `… as name, -- what it says`; not {what!r}")
        comment = " ".join(comment.strip() for comment in projection.comments or ())
        columns.append(described(projection.alias, comment))
    parameters = sqltext.parameters(header.body)
    if header.values["kind"] == "view" and parameters:
        raise SqlFileError(f"{shown(path)}: a view takes no parameters (:{parameters[0]})")
    taken = {column.name for column in columns}
    if header.values["kind"] != "view":
        columns += [column for column in _BOOKKEEPING if column.name not in taken]
    schema = header.values.get("schema") or DERIVED_ROOMS[room]
    table = replace(
        _described(path, room, header, schema, path.stem),
        columns=tuple(columns),
        parameters=parameters,
        upstream=_upstream(tree),
        functions=_functions(tree),
    )
    return table, tree


def _read_created(path: Path, room: str, header: Header) -> Table:
    created = ddl.read_texts({path: header.body})
    if len(created) != 1:
        raise SqlFileError(f"{shown(path)}: a file of kind {header.values['kind']} holds one CREATE TABLE")
    one = created[0]
    if one.name != path.stem:
        raise SqlFileError(f"{shown(path)}: the file is named {path.stem}, its table {one.name}")
    table = _described(path, room, header, one.schema, one.name)
    return replace(table, grain=one.key, columns=tuple(one.columns.values()))


def _described(path: Path, room: str, header: Header, schema: str, name: str) -> Table:
    return Table(
        key=f"{schema}.{name}",
        schema=schema,
        name=name,
        room=room,
        kind=header.values["kind"],
        sql=header.body,
        path=path,
        description=header.description,
        grain=(),
        columns=(),
        owner=header.values["owner"],
        rules=header.rules,
        queries=header.queries,
    )


def read_declared(root: Path) -> list[TableFile]:
    """The app's tables (both catalogue shapes together) and the deployed ones."""
    found: list[TableFile] = []
    for room, kind in DECLARED_ROOMS.items():
        for one in ddl.read(*sorted((root / room).glob("**/*.sql"))):
            text = one.path.read_text(encoding="utf-8")
            header = read_header(text, one.path, ("lineage",)) if kind == "deployed" else None
            table = Table(
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
            found.append((table, None, header.values.get("lineage", "") if header else ""))
    return found


def read_check(path: Path, room: str) -> CheckFile:
    """One check. Raises SqlFileError that says what its header lacks, or which parameter is no setting."""
    header = read_header(path.read_text(encoding="utf-8"), path, CHECK_KEYS, needed=("asset", "severity", "remedy"))
    if header.values["severity"] not in get_args(Severity):
        raise SqlFileError(f"{shown(path)}: `-- severity:` must be one of {', '.join(get_args(Severity))}")
    parameters = sqltext.parameters(header.body)
    unknown = [name for name in parameters if name not in Settings.model_fields]
    if unknown:
        raise SqlFileError(f"{shown(path)}: asks for :{unknown[0]}, which is no setting")
    return CheckFile(
        name=path.stem,
        room=room,
        sql=header.body,
        path=path,
        description=header.description,
        parameters=parameters,
        asset=header.values["asset"],
        severity=cast("Severity", header.values["severity"]),
        remedy=header.values["remedy"],
    )


def _upstream(tree: exp.Expr) -> tuple[str, ...]:
    """Keys of the tables of a SELECT; a function in FROM is none."""
    return tuple(
        sorted(
            {
                f"{t.db}.{t.name}"
                for t in tree.find_all(exp.Table)
                if t.db and t.db != "pg_catalog" and isinstance(t.this, exp.Identifier)
            }
        )
    )


def _functions(tree: exp.Expr) -> tuple[str, ...]:
    """Keys of the functions that a SELECT calls by schema and name, the server's own left out."""
    calls = {f"{t.db}.{t.this.name}" for t in tree.find_all(exp.Table) if t.db and isinstance(t.this, exp.Func)}
    calls |= {name for dot in tree.find_all(exp.Dot) if (name := called(dot))}
    return tuple(sorted(name for name in calls if not name.startswith("pg_catalog.")))


def called(dot: exp.Dot) -> str:
    """ "analytics.rate" where `analytics.rate(…)` is called, else ""."""
    is_call = isinstance(dot.this, exp.Identifier) and isinstance(dot.expression, exp.Func)
    return f"{dot.this.name}.{dot.expression.name}".lower() if is_call else ""
