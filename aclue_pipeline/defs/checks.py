"""Checks as Dagster has them: one op for several of them, and one way in which a judgement becomes a result. What is judged, and
how, stands in aclue_pipeline/checks.py and in the rooms."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import dagster as dg

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.checks import Check, Judgement, of_file
from aclue_pipeline.defs.describe import key_of
from aclue_pipeline.defs.metadata import escaped, metadata
from aclue_pipeline.defs.resources import DatabaseResource

#: What a room's file builds: its assets, and its checks.
Built = tuple[list[dg.AssetsDefinition], list[dg.AssetChecksDefinition]]


def checks_of(catalog: Catalog, room: str) -> list[dg.AssetChecksDefinition]:
    """The checks of a room's folder, one op for each asset they look at."""
    found: dict[str, list[Check]] = defaultdict(list)
    for file in catalog.checks:
        if file.room == room:
            found[file.asset].append(of_file(file))
    return [asset_checks(f"checks_of_{asset.replace('.', '__')}", checks) for asset, checks in found.items()]


def asset_checks(name: str, checks: Sequence[Check]) -> dg.AssetChecksDefinition:
    """One op that judges these checks, together or singly."""

    @dg.multi_asset_check(name=name, specs=[spec(check) for check in checks], can_subset=True)
    def judged(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> Iterator[dg.AssetCheckResult]:
        for check in checks:
            if dg.AssetCheckKey(key_of(check.object), check.name) in context.selected_asset_check_keys:
                yield result(check, check.judge(database))

    return judged


def spec(check: Check) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        check.name,
        asset=key_of(check.object),
        blocking=check.severity == "blocking",
        description=check.says,
        metadata={"source": check.source} if check.source else {},
    )


def result(check: Check, said: Judgement) -> dg.AssetCheckResult:
    """What could not be judged warns; where the check blocks, it is an error that begins with these words."""
    sentence = f"not judged: {said.sentence}" if said.outcome == "not judged" else said.sentence
    warns = said.severity == "warn" or (said.outcome == "not judged" and said.severity != "blocking")
    evidence = dict(said.evidence)
    if not said.passed and said.remedy:
        evidence["remedy"] = said.remedy
    return dg.AssetCheckResult(
        passed=said.passed,
        check_name=check.name,
        asset_key=key_of(check.object),
        severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
        description=escaped(sentence),
        metadata=metadata(evidence),
    )
