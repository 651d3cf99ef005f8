"""Health: what slows the database down, as findings. Each is one view in sql/health and one asset here, with a check that is red
where something must be done now. What is found, and how bad it is, those files say."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import describe
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.metadata import check_result, metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.staging import look
from aclue_pipeline.derived import ensure

if TYPE_CHECKING:
    from aclue_pipeline.health import Finding

GROUP = "health"

_SCHEDULED = "Looked at every morning by the schedule `daily_health`."
_CHECK = "nothing_to_do_now"
_SHOWN = 20


def finding_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    """The asset of a finding: the view, and what it finds now."""

    @dg.multi_asset(
        specs=[describe.spec(catalog, table, GROUP, says=_SCHEDULED)],
        name=describe.op_name(table),
        check_specs=[
            dg.AssetCheckSpec(
                _CHECK,
                asset=describe.key_of(table.key),
                description="Nothing is found that needs somebody now; what can wait only warns.",
            )
        ],
    )
    def finding(database: DatabaseResource) -> Iterator[dg.MaterializeResult[None]]:
        from aclue_pipeline.health import examine

        with database.begin() as connection:
            ensure(connection, catalog, table)
        found = examine(database, catalog, [table.name])
        told = {
            "dagster/row_count": len(found),
            "found": dict(Counter(one.severity for one in found)),
            "findings": tabular(map(_line, found[:_SHOWN])) if found else "nothing found: in good health",
        }
        yield dg.MaterializeResult(metadata=metadata(told), check_results=[_judge(table, found)])

    return finding


def _line(one: "Finding") -> dict[str, str]:
    return {"severity": one.severity, "object": one.object, "found": one.detail, "remedy": one.remedy}


def _judge(table: Table, found: "Sequence[Finding]") -> dg.AssetCheckResult:
    acute = [one for one in found if one.severity == "error"]
    chronic = [one for one in found if one.severity == "warn"]
    blind = [one for one in found if one.severity == "not applicable"]
    worst = next(iter([*acute, *chronic, *blind]), None)
    return check_result(
        describe.key_of(table.key),
        _CHECK,
        not acute and not chronic,
        f"{worst.object}: {worst.detail}" if worst else "nothing found",
        {"applicable": not blind, "errors": len(acute), "warnings": len(chronic)}
        | ({"remedy": worst.remedy} if worst else {}),
        warn=not acute,
    )


def sizes_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    """How large every table is today: what growth is told from."""

    @dg.multi_asset(specs=[describe.spec(catalog, table, GROUP, says=_SCHEDULED)], name=describe.op_name(table))
    def sizes(database: DatabaseResource) -> dg.MaterializeResult[None]:
        from aclue_pipeline.health import measure

        measure(database, catalog)
        with database.begin() as connection:
            return dg.MaterializeResult(metadata=metadata(look(connection, table)))

    return sizes


def build(catalog: Catalog) -> Built:
    assets = [
        finding_asset(catalog, table) if table.kind == "view" else sizes_asset(catalog, table)
        for table in catalog.room(GROUP)
    ]
    return assets, []
