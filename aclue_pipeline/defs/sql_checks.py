"""Checks written in SQL: sql/<room>/checks/<name>.sql is one check of one asset. Its SELECT returns one row: `passed`, perhaps
`says` (a sentence), and every further column is evidence. A new check is one file.

    -- What holds if all is well.
    -- asset: analytics.revenue_daily
    -- severity: blocking | error | warn
    -- mend: what to do where it does not hold
    select … as passed, … as says, … as rows_in
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from aclue_pipeline.catalog import sql_root
from aclue_pipeline.defs.describe import key_of, shown_path
from aclue_pipeline.defs.metadata import check_result
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings

_SEVERITIES = ("blocking", "error", "warn")


@dataclass(frozen=True)
class SqlCheck:
    name: str
    asset: str
    severity: str
    description: str
    mend: str
    sql: str
    path: Path

    @property
    def key(self) -> dg.AssetCheckKey:
        return dg.AssetCheckKey(key_of(self.asset), self.name)

    def spec(self) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(
            self.name,
            asset=key_of(self.asset),
            blocking=self.severity == "blocking",
            description=self.description,
            metadata={"source": shown_path(self.path)},
        )

    def judge(self, database: Database) -> dg.AssetCheckResult:
        """Raises SqlFileError where the SELECT does not return one row with `passed`."""
        from aclue_pipeline.catalog import sqltext

        values = {name: getattr(get_settings(), name) for name in sqltext.parameters(self.sql)}
        with database.psycopg() as pg:
            cursor = pg.execute(sqltext.bindable(self.sql), values)
            rows = cursor.fetchall()
            names = [column.name for column in cursor.description or ()]
        if len(rows) != 1 or "passed" not in names:
            raise SqlFileError(f"{shown_path(self.path)}: a check returns one row with a column `passed`")
        row: dict[str, Any] = dict(zip(names, rows[0], strict=True))
        passed, says = bool(row.pop("passed")), row.pop("says", None) or ""
        told = row if passed or not self.mend else {**row, "mend": self.mend}
        return check_result(key_of(self.asset), self.name, passed, says, told, warn=self.severity == "warn")


def checks_of(room: str) -> list[dg.AssetChecksDefinition]:
    """The checks of a room's folder, one op for each asset they look at."""
    found: dict[str, list[SqlCheck]] = {}
    for path in sorted((sql_root() / room / "checks").glob("*.sql")):
        check = read(path)
        found.setdefault(check.asset, []).append(check)
    return [_definition(asset, checks) for asset, checks in found.items()]


def _definition(asset: str, checks: list[SqlCheck]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"checks_of_{asset.replace('.', '__')}", specs=[check.spec() for check in checks], can_subset=True
    )
    def judged(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> Iterator[dg.AssetCheckResult]:
        for check in checks:
            if check.key in context.selected_asset_check_keys:
                yield check.judge(database)

    return judged


def read(path: Path) -> SqlCheck:
    """Raises SqlFileError that says what the header lacks."""
    lines = path.read_text(encoding="utf-8").splitlines()
    top = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    said, values = [], {"severity": "error", "mend": ""}
    for line in lines[:top]:
        text = line.removeprefix("--").strip()
        match = re.fullmatch(r"(asset|severity|mend):\s*(.+)", text)
        if match:
            values[match[1]] = match[2]
        else:
            said.append(text)
    if "asset" not in values or values["severity"] not in _SEVERITIES or not said:
        raise SqlFileError(
            f"{shown_path(path)}: a check's header says what holds, `-- asset: schema.table`, `-- severity: {' | '.join(_SEVERITIES)}`"
        )
    return SqlCheck(
        path.stem, values["asset"], values["severity"], " ".join(said), values["mend"], "\n".join(lines[top:]), path
    )
