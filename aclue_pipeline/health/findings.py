"""Asks the views of sql/health. What cannot be told on this server, or not by this role, is a finding too and no error: the
others are still worth having."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.errors import NothingFound, SqlFileError

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database

#: From "cannot be told here" and "look when you have time" to "act now".
SEVERITIES = ("not applicable", "info", "warn", "error")

#: Long enough for the statistics of a large database, short enough not to be a burden on it.
_SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """One thing found: by which view, how bad, on which object, in words, in numbers, and what to do about it. `not applicable` is a
    view that cannot tell; its detail says why, its remedy what would let it."""

    finding: str
    severity: str
    object: str
    detail: str
    evidence: dict[str, Any]
    remedy: str


_COLUMNS = tuple(field.name for field in fields(Finding))


def looks(catalog: Catalog) -> dict[str, Table]:
    """The views of sql/health by name. Raises SqlFileError where one has other columns than `Finding`."""
    found = {table.name: table for table in catalog.room("health", "view")}
    for name, table in found.items():
        if tuple(column.name for column in table.columns) != _COLUMNS:
            raise SqlFileError(f"sql/health/{name}.sql: a finding yields {', '.join(_COLUMNS)}, in this order")
    return found


def examine(db: "Database", catalog: Catalog, names: Sequence[str] = ()) -> list[Finding]:
    """What all views (or the named ones) find, the worst of each first; [] is good health.

    Only reads: the views need not be there, their SELECTs are run. Raises NothingFound for a name that is no finding.
    """
    known = looks(catalog)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NothingFound(f"there is no finding {unknown[0]}; there are {', '.join(known)}")
    return [finding for name in names or known for finding in _ask(db, known[name])]


def _ask(db: "Database", look: Table) -> list[Finding]:
    from psycopg import errors

    with db.psycopg() as pg:
        pg.execute("select set_config('statement_timeout', %s, true)", [f"{_SECONDS}s"])
        try:
            with pg.transaction():
                found = [Finding(*row) for row in pg.execute(look.sql).fetchall()]
        except (errors.InvalidSchemaName, errors.UndefinedTable) as error:
            return [_blind(look, error, "let the job check_health run every day: it makes what is missing")]
        except errors.InsufficientPrivilege as error:
            return [_blind(look, error, "grant this role what it lacks, or connect as the owner of the tables")]
        except errors.QueryCanceled as error:
            return [_blind(look, error, "ask again at a quieter time")]
    return sorted(found, key=lambda finding: -SEVERITIES.index(finding.severity))


def _blind(look: Table, error: Exception, remedy: str) -> Finding:
    why = str(error).splitlines()[0]
    return Finding(look.name, "not applicable", look.key, f"cannot be told here: {why}", {}, remedy)
