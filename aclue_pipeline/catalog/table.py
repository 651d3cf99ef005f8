"""What a SQL file says, as data: `Table`, `Column`, `Source`, `Query`, `Function`, `CheckFile`. No reading, no database: those stand in the
modules beside it."""

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from aclue_pipeline.errors import NothingFound

Severity = Literal["blocking", "error", "warn"]

#: Columns that say when and by whom a row was written: they take no part in comparing results and rest on no source.
BOOKKEEPING = ("computed_at", "run_id", "publication", "source_max_updated_at")

#: Those of them that are added to each table whose rows follow from a SELECT.
ADDED = ("computed_at", "run_id", "publication")

#: Kinds whose rows are published: what replaces them is numbered, and what they replaced is kept.
PUBLISHED = ("daily", "whole")

#: Kinds whose rows follow from a SELECT in their file.
SELECTED = ("view", "daily", "whole")

#: Kinds whose file holds a CREATE TABLE; where the rows come from, Python knows.
CREATED = ("python", "facts")

#: Kinds that `derived` brings into the database; the deployed and the app's are brought there by others.
ENSURED = (*SELECTED, *CREATED)


@dataclass(frozen=True)
class Source:
    """A column that another one rests on: directly (its value enters) or indirectly (it decides which rows count)."""

    table: str
    column: str
    kind: str = "direct"

    def __str__(self) -> str:
        return f"{self.table}.{self.column}"


class Query(NamedTuple):
    """A query that a person would start from, and the question that it answers."""

    asks: str
    sql: str


@dataclass(frozen=True)
class Column:
    """One column: `type` is a base type (text, int, numeric, timestamptz, …), None where it cannot be told without a server."""

    name: str
    description: str
    type: str | None = None
    pii: bool = False
    lineage: tuple[Source, ...] = ()

    @property
    def summing(self) -> str:
        """What the description says about adding it up: the sentence that begins so; "" where it says nothing."""
        said = re.search(r"\b(Additive|Not additive|Ratio of)\b.*?\.(?= |$)", self.description)
        return said[0] if said else ""

    @property
    def bookkeeping(self) -> bool:
        return self.name in BOOKKEEPING

    @property
    def direct(self) -> tuple[Source, ...]:
        return tuple(source for source in self.lineage if source.kind == "direct")

    @property
    def indirect(self) -> tuple[Source, ...]:
        return tuple(source for source in self.lineage if source.kind == "indirect")


@dataclass(frozen=True)
class Table:
    """One table or view, as its file has it.

    kind: view, daily (replaced day by day), whole (replaced whole), facts (the file holds its CREATE TABLE, the sync its rows),
    python (likewise, Python), deployed (sql/schema) or app (sql/app). `sql` is the file's statement without its header.
    `clock`: the column that is the partition day of a daily table, else ""; `clock_says`: the header's words about it.
    `headline`: columns that may be summed over a day, shown for each rebuilt day. `reads`: how a changed fact becomes days.
    `readers`: roles that may read a view beside its owner.
    `upstream`: keys of the tables it is made of; `functions`: of our functions that its SELECT calls.
    `code_version`: digest of the statement and the grain, not of comments; `fingerprint` changes with anything in the file.
    """

    key: str
    schema: str
    name: str
    room: str
    kind: str
    sql: str
    path: Path
    description: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    clock: str = ""
    clock_says: str = ""
    owner: str = ""
    headline: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    rules: str = ""
    queries: tuple[Query, ...] = ()
    parameters: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    code_version: str = ""
    fingerprint: str = field(default="", repr=False)

    @property
    def filtered_by(self) -> tuple[Source, ...]:
        """Sources that decide about every column that has a lineage: what filters, joins and groups do to the whole table."""
        each = [{(s.table, s.column) for s in column.lineage} for column in self.columns if column.lineage]
        decides = {(s.table, s.column) for column in self.columns for s in column.indirect}
        shared = decides.intersection(*each) if len(each) > 1 else set()
        return tuple(Source(*pair, "indirect") for pair in sorted(shared))

    def column(self, name: str) -> Column:
        """Raises NothingFound where the table has no such column."""
        for column in self.columns:
            if column.name == name:
                return column
        names = [c.name for c in self.columns]
        near = difflib.get_close_matches(name, names, 1)
        there = f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}"
        raise NothingFound(f"{self.key} has no column {name}; {there}")


def team(owner: str) -> str:
    """As people say it; Dagster's word for it begins with team:."""
    return owner.removeprefix("team:")


@dataclass(frozen=True)
class Function:
    """One SQL function or aggregate, as its file in sql/functions has it.

    `returns`: its type as the file spells it; `type`: the base of that, None where it returns rows. `upstream`: keys of the
    functions and tables of ours that it names.
    """

    key: str
    schema: str
    name: str
    arguments: str
    returns: str
    type: str | None
    is_aggregate: bool
    sql: str
    path: Path
    description: str
    rules: str
    queries: tuple[Query, ...]
    owner: str
    upstream: tuple[str, ...]
    code_version: str
    fingerprint: str = field(repr=False)


@dataclass(frozen=True)
class CheckFile:
    """One check of one table, as sql/<room>/checks/<name>.sql has it: its SELECT returns one row with `passed`, perhaps `says`,
    and evidence."""

    name: str
    room: str
    asset: str
    severity: Severity
    description: str
    remedy: str
    sql: str
    path: Path
    parameters: tuple[str, ...]
