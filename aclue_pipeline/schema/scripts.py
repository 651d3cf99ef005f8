"""The scripts of sql/schema: each file a list of statements, each statement known by the object it makes. What an object's
definition means is the business of objects/."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aclue_pipeline.catalog.sqltext import statements, without_comments
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.settings import sql_folder

PREREQUISITES = "prerequisites"
SHARED = "functions"

#: Every form a statement of sql/schema may have. `drop` is the re-run guard of the statement after it.
FORMS = {
    "table": r"create table if not exists public\.(?P<name>\w+) \(",
    "security": r"alter table public\.\w+ enable row level security$",
    "policy": r"create policy (?P<name>\w+) on public\.\w+ ",
    "index": r"create (unique )?index if not exists (?P<name>\w+) on public\.\w+ ",
    "trigger": r"create or replace trigger (?P<name>\w+) ",
    "function": r"create or replace function (?P<name>public\.\w+)\(",
    "key": r"alter table public\.\w+ drop constraint if exists (?P<name>\w+), add constraint (?P=name) foreign key ",
    "grant": r"(grant|revoke) .* on (?P<name>table public\.\w+|function public\.\w+)",
    "comment": r"comment on (?P<name>table \S+|column \S+|index \S+|constraint \w+|policy \w+|trigger \w+|function [^(]+)",
    "drop": r"drop policy if exists (?P<name>\w+) on public\.\w+$",
}


@dataclass(frozen=True)
class Written:
    """One statement as it stands in a file: its form (a key of FORMS), its object's name, its text."""

    form: str
    name: str
    text: str

    @property
    def plain(self) -> str:
        """Without comments, every stretch of white space one blank."""
        return without_comments(self.text)


@dataclass(frozen=True)
class Script:
    """One file; `table` is the deployed table's name, "" for the functions that several tables share."""

    table: str
    path: Path
    statements: tuple[Written, ...]

    def having(self, *forms: str) -> list[Written]:
        return [statement for statement in self.statements if statement.form in forms]


def scripts() -> tuple[Script, ...]:
    """The shared functions, then every table's file by name. Raises SqlFileError naming the statement it cannot place."""
    folder = sql_folder() / "schema"
    files = tuple(sorted(folder.glob("*.sql"), key=lambda path: (path.stem != SHARED, path.stem)))
    return _read(tuple((path, path.stat().st_mtime_ns) for path in files if path.stem != PREREQUISITES))


def table_names() -> tuple[str, ...]:
    """The deployed tables, all in schema public."""
    return tuple(script.table for script in scripts() if script.table)


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int], ...]) -> tuple[Script, ...]:
    return tuple(
        Script(
            table="" if path.stem == SHARED else path.stem,
            path=path,
            statements=tuple(_written(text, path) for text in statements(path.read_text(encoding="utf-8"))),
        )
        for path, _ in files
    )


def _written(text: str, path: Path) -> Written:
    plain = without_comments(text)
    for form, pattern in FORMS.items():
        if found := re.match(pattern, plain, re.IGNORECASE):
            name = found.groupdict().get("name") or path.stem
            return Written(form, _bare(form, name), text.strip())
    raise SqlFileError(
        f"{path.name}: `{plain[:60]}…` has none of the forms that aclue_pipeline/schema/scripts.py lists; rewrite it"
    )


def _bare(form: str, name: str) -> str:
    """Names as the catalogues give them: a comment's `column public.t.c` is `column c`."""
    if form != "comment":
        return name
    kind, _, target = name.partition(" ")
    return f"{kind} {target}" if kind == "function" else f"{kind} {target.rsplit('.', 1)[-1]}".strip()
