"""The data dictionary: a Markdown page per room with every table and column, what it says, its type and what it rests on. Written
from sql/ alone, so that `aclue docs --check` can hold the committed pages to it; prose about the rooms belongs elsewhere."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from aclue_pipeline.catalog.read import DECLARED_ROOMS, DERIVED_ROOMS, tables
from aclue_pipeline.catalog.statement import shown
from aclue_pipeline.catalog.table import Source, Table

ROOMS = (*DECLARED_ROOMS, *DERIVED_ROOMS)

KINDS = {
    "app": "the app's table, read and never altered",
    "deployed": "deployed by `aclue deploy`",
    "view": "view, always current",
    "daily": "table, replaced day by day",
    "table": "table, replaced whole",
    "python": "table, written by Python",
}


def folder() -> Path:
    """docs/tables of the checkout; in an installed wheel, of the current folder."""
    from aclue_pipeline.settings import checkout

    return (checkout() or Path.cwd()) / "docs" / "tables"


def pages() -> dict[str, str]:
    """File name → text of every page: an index and one page per room that has tables."""
    by_room = {room: sorted((t for t in tables().values() if t.room == room), key=lambda t: t.key) for room in ROOMS}
    by_room = {room: found for room, found in by_room.items() if found}
    texts = {"README.md": "\n".join(_index(by_room)) + "\n"}
    for room, found in by_room.items():
        lines = [f"# {room}", "", f"*Written by `aclue docs` from `sql/{room}/`: edit the SQL files, not this page.*"]
        for table in found:
            lines += ["", *_table(table)]
        texts[f"{room}.md"] = "\n".join(lines) + "\n"
    return texts


def write(to: Path) -> list[Path]:
    """Write the pages that differ and remove those of rooms that are gone; the paths that changed."""
    wanted = pages()
    to.mkdir(parents=True, exist_ok=True)
    changed = outdated(to)
    for path in changed:
        if path.name in wanted:
            path.write_text(wanted[path.name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def outdated(of: Path) -> list[Path]:
    """The pages that are missing, differ from what sql/ says, or have no room any more."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in of.glob("*.md")}
    return [of / name for name in sorted(wanted.keys() | there.keys()) if wanted.get(name) != there.get(name)]


# --- parts of a page --------------------------------------------------------------------------------------------------


def _index(by_room: dict[str, list[Table]]) -> Iterator[str]:
    yield "# Data dictionary"
    yield ""
    yield "*Written by `aclue docs` from `sql/`.* Every table, room by room as data travels; `aclue lineage TABLE.COLUMN` follows one."
    for room, found in by_room.items():
        yield ""
        yield f"## [{room}]({room}.md)"
        yield ""
        yield "| table | one row is |"
        yield "|---|---|"
        for table in found:
            yield f"| [{table.key}]({_address(table)}) | {_cell(table.description)} |"


def _table(table: Table) -> Iterator[str]:
    yield f"## {table.key}"
    yield ""
    yield table.description
    yield ""
    yield f"- **Kind:** {KINDS[table.kind]}"
    yield f"- **Grain:** {', '.join(table.grain)}"
    if table.clock_says:
        yield f"- **Day:** {table.clock_says}"
    yield f"- **Owner:** {table.owner}"
    if table.upstream:
        yield f"- **Made of:** {', '.join(_table_link(key) for key in table.upstream)}"
    users = sorted(user.key for user in tables().values() if table.key in user.upstream)
    if users:
        yield f"- **Used by:** {', '.join(_table_link(key) for key in users)}"
    yield f"- **SQL:** [{shown(table.path)}](../../{shown(table.path)})"
    yield ""
    yield from _columns(table)


def _columns(table: Table) -> Iterator[str]:
    lineage = any(column.lineage for column in table.columns)
    shared = table.decided_by
    yield "| column | type | says |" + (" comes from | and is decided by |" if lineage else "")
    yield "|---|---|---|" + ("---|---|" if lineage else "")
    for column in table.columns:
        said = _cell(column.description) + (" *Personal data.*" if column.pii else "")
        row = f"| {column.name} | {column.type or '?'} | {said} |"
        if lineage:
            own = [source for source in column.indirect if source not in shared]
            row += f" {_links(column.direct)} | {_links(own)} |"
        yield row
    if shared:
        yield ""
        yield f"Every column is also decided by {_links(shared)}."


def _links(sources: Iterable[Source]) -> str:
    return ", ".join(f"[{source}]({_address_of(source.table)})" for source in sources)


def _table_link(key: str) -> str:
    return f"[{key}]({_address_of(key)})"


def _address_of(key: str) -> str:
    known = tables().get(key)
    return _address(known) if known else "README.md"


def _address(table: Table) -> str:
    """The page and heading of a table, as GitHub names headings."""
    return f"{table.room}.md#{table.schema}{table.name}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
