"""Checks as Dagster has them: one op for several of them, and one way in which a judgement becomes a result. What is judged, and
how, stands in aclue_pipeline/checks.py and in the rooms."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, CheckFile
from aclue_pipeline.catalog.table import ENSURED
from aclue_pipeline.checks import Check, Judgement, judge_each, of_file
from aclue_pipeline.defs import automation
from aclue_pipeline.defs.metadata import escaped, key_of, metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.derived import ensure
from aclue_pipeline.postgres import Database

#: What a room's file builds: its assets, and its checks.
Built = tuple[list[dg.AssetsDefinition], list[dg.AssetChecksDefinition]]


def checks_of(catalog: Catalog, room: str) -> list[dg.AssetChecksDefinition]:
    """The checks of a room's folder, one op for each asset they look at."""

    found: dict[str, list[CheckFile]] = defaultdict(list)
    for file in catalog.checks:
        if file.room == room:
            found[file.asset].append(file)
    return [
        asset_checks(
            f"checks_of_{asset.replace('.', '__')}",
            [of_file(file) for file in files],
            condition=automation.condition(catalog, catalog.tables[asset], room),
            prepare=_preparing(catalog, files),
        )
        for asset, files in found.items()
    ]


def _preparing(catalog: Catalog, files: Sequence[CheckFile]) -> Callable[[Database], None]:
    """After an upgrade, or in a run of some assets, checks are asked before any job has brought all that they read and call."""
    sql = "\n".join(file.sql for file in files)
    read = [table for table in catalog.tables.values() if table.kind in ENSURED and table.key in sql]

    def prepare(database: Database) -> None:
        with database.begin() as connection:
            ensure(connection, catalog, *catalog.functions.values(), *read)

    return prepare


def asset_checks(
    name: str,
    checks: Sequence[Check],
    together: Callable[[Database], Iterable[Judgement]] | None = None,
    pool: str | None = None,
    condition: dg.AutomationCondition[Any] | None = None,
    prepare: Callable[[Database], None] = lambda _: None,
) -> dg.AssetChecksDefinition:
    """One op that judges these checks: `together`, where one look answers all of them, else one by one. `pool`: whose turns it takes,
    `condition`: what starts it besides its job, `prepare`: what comes first."""

    @dg.multi_asset_check(name=name, specs=[spec(check, condition) for check in checks], can_subset=True, **step(pool))
    @clearly
    def judged(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> Iterator[dg.AssetCheckResult]:
        wanted = context.selected_asset_check_keys
        prepare(database)
        each = (check for check in checks if key(check.object, check.name) in wanted)
        red = []
        for judgement in together(database) if together else judge_each(database, each):
            if key(judgement.object, judgement.check) in wanted:
                yield result(judgement)
                if judgement.severity == "blocking" and not judgement.passed:
                    red.append(f"{judgement.check} of {judgement.object}: {judgement.says} ({judgement.remedy})")
        if red:  # Dagster's own failure would name the checks, and not what is wrong.
            raise dg.Failure("; ".join(red), allow_retries=False)

    return judged


def key(table: str, check: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(key_of(table), check)


def spec(check: Check, condition: dg.AutomationCondition[Any] | None = None) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        check.name,
        asset=key_of(check.object),
        blocking=check.severity == "blocking",
        description=check.says,
        metadata={"source": check.source} if check.source else {},
        automation_condition=condition,
    )


def result(judgement: Judgement) -> dg.AssetCheckResult:
    """What a check found: a sentence, its evidence, and how bad it is where it did not pass."""
    # A run's log shows of a check its name and this alone.
    evidence: dict[str, Any] = {"found": judgement.says}
    if judgement.outcome == "not judged":
        evidence["outcome"] = judgement.outcome
    if not judgement.passed and judgement.remedy:
        evidence["remedy"] = judgement.remedy
    if not judgement.passed and judgement.severity == "info":
        evidence["severity"] = "info"  # of which Dagster knows no such word
    evidence |= {name.replace("_", " "): value for name, value in judgement.evidence.items()}
    return dg.AssetCheckResult(
        passed=judgement.passed,
        check_name=judgement.check,
        asset_key=key_of(judgement.object),
        severity=dg.AssetCheckSeverity.WARN if judgement.warns else dg.AssetCheckSeverity.ERROR,
        description=escaped(judgement.says),
        metadata=metadata({name: _shown(value) for name, value in evidence.items()}),
    )


def _shown(value: Any) -> Any:
    """Evidence as one reads it without a click: rows as a table, an empty list as a word."""
    match value:
        case []:
            return "none"
        case [Mapping(), *_]:
            return tabular(value[:_SHOWN])
        case Mapping() if value and all(isinstance(part, Mapping) for part in value.values()):
            return tabular([{"of": name, **part} for name, part in list(value.items())[:_SHOWN]])
    return value


_SHOWN = 31
