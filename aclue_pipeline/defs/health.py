"""Health: what slows the database down, as findings. Each is one view in sql/health and one asset here, with a check that is red
where something must be done now. What is found, and how bad it is, those files say."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.checks import Check
from aclue_pipeline.defs import describe
from aclue_pipeline.defs.checks import Built, result, spec
from aclue_pipeline.defs.metadata import metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.defs.tables import look
from aclue_pipeline.derived import ensure
from aclue_pipeline.health.findings import CHECK

if TYPE_CHECKING:
    from aclue_pipeline.checks import Judgement

GROUP = "health"

_SAYS = "Nothing is found that needs somebody now; what can wait only warns."
_SHOWN = 20


def finding_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    """The asset of a finding: the view, and what it finds now."""

    @dg.multi_asset(
        specs=[describe.spec(catalog, table)],
        name=describe.op_name(table),
        check_specs=[spec(Check(CHECK, table.key, "error", _SAYS))],
        **step(),
    )
    @clearly
    def finding(database: DatabaseResource) -> Iterator[dg.MaterializeResult[None]]:
        from aclue_pipeline.health import examine, summed

        with database.begin() as connection:
            ensure(connection, catalog, table)
        judgements = examine(database, catalog, [table.name])
        rows = {
            "dagster/row_count": len(judgements),
            "findings": tabular(map(_line, judgements[:_SHOWN])) if judgements else "nothing found: in good health",
        }
        yield dg.MaterializeResult(metadata=metadata(rows), check_results=[result(summed(table, judgements))])

    return finding


def _line(one: "Judgement") -> dict[str, str]:
    how_bad = one.severity if one.outcome == "failed" else one.outcome
    return {"severity": how_bad, "object": one.object, "found": one.sentence, "remedy": one.remedy}


def sizes_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    """How large every table is today: what growth is told from."""

    @dg.multi_asset(specs=[describe.spec(catalog, table)], name=describe.op_name(table), **step(GROUP))
    @clearly
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
