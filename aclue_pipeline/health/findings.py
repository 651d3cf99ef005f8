"""Asks what sql/health describes: a view's SELECT, or what Python looks at (plans, policies) where no SELECT could. What cannot be told
on this server, or not by this role, is a judgement too and no error: the others are still worth having."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.checks import Judgement
from aclue_pipeline.derived.statement import parts_of
from aclue_pipeline.errors import NothingFound, SqlFileError
from aclue_pipeline.health.plans import Row, sequential_scans
from aclue_pipeline.health.policies import policy_costs
from aclue_pipeline.postgres import Database, Pg

#: The columns of each finding, in this order.
COLUMNS = ("finding", "severity", "object", "detail", "evidence", "remedy")

#: From "look when you have time" to "act now".
SEVERITIES = ("not judged", "info", "warn", "error")

#: Findings that no SELECT could make: their files say the same columns as a table, which the job fills.
LOOKS: Mapping[str, Callable[[Pg, Catalog], Iterable[Row]]] = MappingProxyType(
    {"sequential_scans": sequential_scans, "policy_costs": policy_costs}
)

#: Long enough for the statistics of a large database, short enough not to be a burden on it; and nobody is made to wait behind a look.
_BOUNDS = "select set_config('statement_timeout', '30s', true), set_config('lock_timeout', '2s', true)"

#: The check of each finding.
CHECK = "nothing_to_do_now"


def looks(catalog: Catalog) -> dict[str, Table]:
    """The findings of sql/health by name. Raises SqlFileError where one has other columns than a finding."""
    found = {t.name: t for t in catalog.room("health") if t.kind == "view" or t.name in LOOKS}
    for name, table in found.items():
        if tuple(column.name for column in table.columns) != COLUMNS:
            raise SqlFileError(f"sql/health/{name}.sql: a finding yields {', '.join(COLUMNS)}, in this order")
    return found


def examine(db: Database, catalog: Catalog, names: Sequence[str] = ()) -> list[Judgement]:
    """What all findings (or the named ones) find, the worst of each first; [] is good health.

    Only reads: the views need not be there, their SELECTs are run. Raises NothingFound for a name that is no finding.
    """
    known = looks(catalog)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NothingFound(f"there is no finding {unknown[0]}; there are {', '.join(known)}")
    return [judgement for name in names or known for judgement in _ask(db, catalog, known[name])]


def _ask(db: Database, catalog: Catalog, look: Table) -> list[Judgement]:
    def selected(pg: Pg, _: Catalog) -> Iterable[Row]:
        return [row[1:] for row in pg.execute(look.sql)]

    look_at = LOOKS.get(look.name, selected)
    with db.psycopg() as pg:
        try:
            with pg.transaction(force_rollback=True):
                pg.execute("set transaction read only")
                pg.execute(_BOUNDS)
                rows = sorted(look_at(pg, catalog), key=lambda row: -SEVERITIES.index(row[0]))
        except (
            errors.InvalidSchemaName,
            errors.UndefinedTable,
            errors.UndefinedFunction,
            errors.UndefinedColumn,
        ) as error:
            return [_blind(look, error, "let the job check_health run every day: it makes what is missing")]
        except errors.InsufficientPrivilege as error:
            return [_blind(look, error, "grant this role what it lacks, or connect as the owner of the tables")]
        except (errors.QueryCanceled, errors.LockNotAvailable) as error:
            return [_blind(look, error, "ask again at a quieter time")]
        except psycopg.Error as error:
            if pg.broken:
                raise
            return [_blind(look, error, "report it: no server should refuse this question")]
    return [_judgement(look, *row) for row in rows]


def _judgement(look: Table, severity: Any, of: str, detail: str, evidence: dict[str, Any], remedy: str) -> Judgement:
    if severity == "not judged":
        return Judgement(look.name, of, "not judged", "warn", detail, evidence, remedy)
    return Judgement(look.name, of, "failed", severity, detail, evidence, remedy)


def _blind(look: Table, error: Exception, remedy: str) -> Judgement:
    why = str(error).splitlines()[0]
    return _judgement(look, "not judged", look.key, f"cannot be told here: {why}", {}, remedy)


def keep(db: Database, look: Table, found: Sequence[Judgement]) -> None:
    """Replace what the table of such a finding says by what was found now."""
    parts = parts_of(look)
    with db.psycopg() as pg:
        pg.execute(sql.SQL("delete from {table}").format(**parts))
        pg.cursor().executemany(
            sql.SQL("insert into {table} ({columns}) values (%s, %s, %s, %s, %s, %s)").format(**parts),
            [
                (one.check, severity(one), one.object, one.sentence, Jsonb(dict(one.evidence)), one.remedy)
                for one in found
            ],
        )


def severity(one: Judgement) -> str:
    """How bad it is, in the findings' words."""
    return one.severity if one.outcome == "failed" else one.outcome


def summed(look: Table, found: Sequence[Judgement]) -> Judgement:
    """One judgement of all that one look found: as bad as the worst; what is only worth knowing has passed."""
    counts = {
        severity: sum(one.severity == severity and one.outcome == "failed" for one in found)
        for severity in SEVERITIES[1:]
    }
    worst = next((one for one in found if one.outcome == "not judged" or one.severity != "info"), None)
    if worst is None:
        return Judgement(CHECK, look.key, "passed", "warn", "nothing found that needs somebody now", counts)
    sentence = f"{worst.object}: {worst.sentence}"
    return Judgement(CHECK, look.key, worst.outcome, worst.severity, sentence, counts, worst.remedy)
