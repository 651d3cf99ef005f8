"""Runs the SELECTs of sql/health. A statistic that is missing, or that this role may not read, is a finding of its own and no
error: the other findings are still worth having."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclue_pipeline.catalog import sql_root
from aclue_pipeline.errors import NothingFound, SqlFileError

if TYPE_CHECKING:
    import psycopg

    from aclue_pipeline.catalog import Column
    from aclue_pipeline.postgres import Database

#: From "look when you have time" to "act now".
SEVERITIES = ("info", "warn", "error")

#: Long enough for the statistics of a large database, short enough not to be a burden on it.
_SECONDS = 30


@dataclass(frozen=True)
class Finding:
    """One thing found: by which look, how bad (info, warn, error), on which object, in words, in numbers, and what mends it."""

    finding: str
    severity: str
    object: str
    detail: str
    evidence: dict[str, Any]
    mend: str


@dataclass(frozen=True)
class Look:
    """One file of sql/health: `name` is the file's, `description` says what is looked for."""

    name: str
    description: str
    sql: str
    path: Path
    columns: "tuple[Column, ...]"


def looks() -> list[Look]:
    """Every file of sql/health, by name. Raises SqlFileError where one does not yield the columns of `Finding`."""
    return list(_looks(sql_root() / "health"))


@lru_cache(maxsize=4)
def _looks(folder: Path) -> tuple[Look, ...]:
    return tuple(_read(path) for path in sorted(folder.glob("*.sql")))


def _read(path: Path) -> Look:
    from sqlglot import exp

    from aclue_pipeline.catalog.read import described, parsed, read_header

    header = read_header(path.read_text(encoding="utf-8"), path)
    tree = parsed(header.body, path)
    selects = tree.selects if isinstance(tree, exp.Query) else []
    columns = tuple(described(item.alias, " ".join(item.comments or ())) for item in selects)
    expected = tuple(Finding.__dataclass_fields__)
    if tuple(column.name for column in columns) != expected or not all(column.description for column in columns):
        raise SqlFileError(
            f"sql/health/{path.name}: a finding yields {', '.join(expected)}, in this order, each with its description"
        )
    return Look(path.stem, header.description, header.body, path, columns)


def examine(db: "Database", names: Sequence[str] = ()) -> list[Finding]:
    """What all looks (or the named ones) find, the worst first within each look; [] is good health.

    Raises NothingFound for a name that is no look.
    """
    known = {look.name: look for look in looks()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise NothingFound(f"there is no finding {unknown[0]}; there are {', '.join(known)}")
    return [finding for name in names or known for finding in _find(db, known[name])]


def _find(db: "Database", look: Look) -> list[Finding]:
    from psycopg import errors

    with db.psycopg() as pg:
        # The extension stands in `extensions` on Supabase, in `public` elsewhere.
        pg.execute("select set_config('search_path', 'public, extensions', true)")
        pg.execute("select set_config('statement_timeout', %s, true)", [f"{_SECONDS}s"])
        try:
            with pg.transaction():
                found = _rows(pg, look)
        except (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn) as error:
            return [_blind(look, error, "create extension pg_stat_statements schema extensions (as an administrator)")]
        except errors.ObjectNotInPrerequisiteState as error:
            return [_blind(look, error, "add it to shared_preload_libraries and restart the server")]
        except errors.InsufficientPrivilege as error:
            return [_blind(look, error, "grant pg_read_all_stats to this role (as an administrator)")]
        except errors.QueryCanceled as error:
            return [_blind(look, error, "run it at a quieter time")]
    return sorted(found, key=lambda finding: -SEVERITIES.index(finding.severity))


def _rows(pg: "psycopg.Connection[Any]", look: Look) -> list[Finding]:
    return [Finding(*row) for row in pg.execute(look.sql).fetchall()]  # type: ignore[arg-type]


def _blind(look: Look, error: Exception, mend: str) -> Finding:
    why = str(error).splitlines()[0]
    return Finding(look.name, "info", look.name, f"could not look: {why}", {"could_look": False, "why": why}, mend)
