"""Asks the views of sql/health. What cannot be told on this server, or not by this role, is a judgement too and no error: the
others are still worth having."""

from collections.abc import Sequence
from typing import Any

from psycopg import errors

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.checks import Judgement
from aclue_pipeline.errors import NothingFound, SqlFileError
from aclue_pipeline.postgres import Database

#: The columns of each view, in this order.
COLUMNS = ("finding", "severity", "object", "detail", "evidence", "remedy")

#: From "look when you have time" to "act now".
SEVERITIES = ("not judged", "info", "warn", "error")

#: Long enough for the statistics of a large database, short enough not to be a burden on it.
_SECONDS = 30

#: The check of each view.
CHECK = "nothing_to_do_now"


def looks(catalog: Catalog) -> dict[str, Table]:
    """The views of sql/health by name. Raises SqlFileError where one has other columns than a finding."""
    found = {table.name: table for table in catalog.room("health", "view")}
    for name, table in found.items():
        if tuple(column.name for column in table.columns) != COLUMNS:
            raise SqlFileError(f"sql/health/{name}.sql: a finding yields {', '.join(COLUMNS)}, in this order")
    return found


def examine(db: Database, catalog: Catalog, names: Sequence[str] = ()) -> list[Judgement]:
    """What all views (or the named ones) find, the worst of each first; [] is good health.

    Only reads: the views need not be there, their SELECTs are run. Raises NothingFound for a name that is no finding.
    """
    known = looks(catalog)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NothingFound(f"there is no finding {unknown[0]}; there are {', '.join(known)}")
    return [finding for name in names or known for finding in _ask(db, known[name])]


def _ask(db: Database, look: Table) -> list[Judgement]:
    with db.psycopg() as pg:
        pg.execute("select set_config('statement_timeout', %s, true)", [f"{_SECONDS}s"])
        try:
            with pg.transaction():
                rows = pg.execute(look.sql).fetchall()
        except (errors.InvalidSchemaName, errors.UndefinedTable) as error:
            return [_blind(look, error, "let the job check_health run every day: it makes what is missing")]
        except errors.InsufficientPrivilege as error:
            return [_blind(look, error, "grant this role what it lacks, or connect as the owner of the tables")]
        except errors.QueryCanceled as error:
            return [_blind(look, error, "ask again at a quieter time")]
    return [_judgement(*row) for row in sorted(rows, key=lambda row: -SEVERITIES.index(row[1]))]


def _judgement(finding: str, severity: Any, of: str, detail: str, evidence: dict[str, Any], remedy: str) -> Judgement:
    if severity == "not judged":
        return Judgement(finding, of, "not judged", "warn", detail, evidence, remedy)
    return Judgement(finding, of, "failed", severity, detail, evidence, remedy)


def _blind(look: Table, error: Exception, remedy: str) -> Judgement:
    return _judgement(
        look.name, "not judged", look.key, f"cannot be told here: {str(error).splitlines()[0]}", {}, remedy
    )


def summed(look: Table, found: Sequence[Judgement]) -> Judgement:
    """One judgement of all that a view found: as bad as the worst; what is only worth knowing has passed."""
    counts = {
        severity: sum(one.severity == severity and one.outcome == "failed" for one in found)
        for severity in SEVERITIES[1:]
    }
    worst = next((one for one in found if one.outcome == "not judged" or one.severity != "info"), None)
    if worst is None:
        return Judgement(CHECK, look.key, "passed", "warn", "nothing found that needs somebody now", counts)
    sentence = f"{worst.object}: {worst.sentence}"
    return Judgement(CHECK, look.key, worst.outcome, worst.severity, sentence, counts, worst.remedy)
