"""Who may do what, as data: reads sql/schema/access.csv. How a line is tried stands in trials.py; the rights themselves are
hand-written SQL in the tables' files."""

import csv
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.schema.declared import table_names
from aclue_pipeline.settings import sql_folder

ROLES = ("anon", "authenticated", "service_role")
VERBS = ("select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain", "lock")
OWNERS = ("own", "other", "ownerless", "claimed", "any")
#: What else is true of the row, beside whose it is; said after the owner.
CONDITIONS = (
    "",
    "25 hours old",
    "6 minutes ahead",
    "on another's recommendation",
    "about another product",
    "moved to another",
)


@dataclass(frozen=True)
class Line:
    """One expectation: may this role use this verb on rows of this owner, in these columns (empty: the row as a whole)?

    owner: own, other (another user's), ownerless, claimed (of the `sub` in a visitor's claims), any (the verb asks no row).
    `allowed` with columns means all of them together; refused means each of them by itself.
    """

    table: str
    role: str
    verb: str
    owner: str
    condition: str
    columns: tuple[str, ...]
    allowed: bool
    why: str

    def __str__(self) -> str:
        may = "may" if self.allowed else "may not"
        rows = "" if self.owner == "any" else f" {self.owner}{' ' if self.condition else ''}{self.condition} rows of"
        return f"{self.role} {may} {self.verb}{rows} {self.table}{' (these columns)' if self.columns else ''}"


@cache
def lines(path: Path | None = None) -> tuple[Line, ...]:
    """Every line of access.csv, lists in its cells taken apart. Raises SqlFileError for a word it does not know."""
    path = path or sql_folder() / "schema" / "access.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(line for row in csv.DictReader(file) for line in _apart(row))


def _apart(row: dict[str, str]) -> list[Line]:
    tables = list(table_names()) if row["table"] == "*" else row["table"].split()
    found = []
    for table, verb, whose in product(tables, row["verb"].split(), row["whose"].split(" / ")):
        owner, _, condition = whose.partition(" ")
        columns = () if row["columns"] == "*" else tuple(row["columns"].split())
        line = Line(table, row["role"], verb, owner, condition, columns, row["allowed"] == "yes", row["why"])
        _known(line, row["allowed"])
        found.append(line)
    return found


def _known(line: Line, allowed: str) -> None:
    words = (
        ("table", line.table, table_names()),
        ("role", line.role, ROLES),
        ("verb", line.verb, VERBS),
        ("whose", line.owner, OWNERS),
        ("condition", line.condition, CONDITIONS),
        ("allowed", allowed, ("yes", "no")),
    )
    for what, word, known in words:
        if word not in known:
            raise SqlFileError(f"sql/schema/access.csv: {what} {word!r} is not one of {', '.join(filter(None, known))}")
