"""One shape for everything that is judged: checks written in SQL, contracts, freshness, findings about health, success criteria.
What each judges stands in its room; how it is shown, in defs and in the command line."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aclue_pipeline.catalog import CheckFile, sqltext
from aclue_pipeline.catalog.statement import shown
from aclue_pipeline.catalog.table import Severity
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings

Outcome = Literal["passed", "failed", "not judged"]


@dataclass(frozen=True)
class Judgement:
    """What one check says of one object. `not judged`: it should have been, and could not be; the sentence says why. Nothing to
    judge yet (an empty table) has passed, and says so."""

    check: str
    object: str
    outcome: Outcome
    severity: Severity | Literal["info"]
    sentence: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    remedy: str = ""

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    @property
    def says(self) -> str:
        """The sentence, told apart where it is the reason why nothing was judged."""
        return f"not judged: {self.sentence}" if self.outcome == "not judged" else self.sentence

    @property
    def warns(self) -> bool:
        """Whether it is a warning where it did not pass: what could not be judged is, unless it blocks what follows."""
        return self.severity not in ("blocking", "error") or (
            self.outcome == "not judged" and self.severity != "blocking"
        )

    @property
    def identity(self) -> str:
        """The same for the same trouble, however its numbers change: what an alert hangs on."""
        return "_".join(f"{self.check}:{self.object}".split())


@dataclass(frozen=True)
class Check:
    """Something to be judged about a table (or about `schema`). `says` is what holds if all is well; `judge` is left out where
    several are judged together."""

    name: str
    object: str
    severity: Severity
    says: str
    judge: Callable[[Database], Judgement] | None = None
    source: str = ""


def judge_each(db: Database, checks: Iterable[Check]) -> Iterator[Judgement]:
    """What those say that are judged by themselves."""
    return (check.judge(db) for check in checks if check.judge)


def of_file(file: CheckFile) -> Check:
    """The check that a SQL file is."""
    return Check(file.name, file.asset, file.severity, file.description, lambda db: ask(db, file), shown(file.path))


def ask(db: Database, file: CheckFile) -> Judgement:
    """What a check in SQL says. Raises SqlFileError where the SELECT does not return one row with `passed`."""
    with db.psycopg() as pg:
        cursor = pg.execute(
            sqltext.bindable(file.sql), {name: getattr(get_settings(), name) for name in file.parameters}
        )
        rows = cursor.fetchall()
        names = [column.name for column in cursor.description or ()]
    if len(rows) != 1 or "passed" not in names:
        raise SqlFileError(f"{shown(file.path)}: a check returns one row with a column `passed`")
    row: dict[str, Any] = dict(zip(names, rows[0], strict=True))
    outcome: Outcome = "passed" if row.pop("passed") else "failed"
    sentence = row.pop("says", None) or file.description
    return Judgement(file.name, file.asset, outcome, file.severity, sentence, row, file.remedy)
