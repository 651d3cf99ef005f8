"""Health: what slows the database down, or will stop it, as findings. Each is one file in sql/health and one asset here, with a check that
is red where something must be done now. What is found, and how bad it is, those files say. One step looks at all of them: each
takes milliseconds, a process of its own would take seconds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.checks import Check
from aclue_pipeline.defs import describe
from aclue_pipeline.defs.checks import Built, key, result, spec
from aclue_pipeline.defs.metadata import key_of, metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.defs.tables import look
from aclue_pipeline.derived import ensure
from aclue_pipeline.health.findings import CHECK, looks, severity

if TYPE_CHECKING:
    from aclue_pipeline.checks import Judgement

GROUP = "health"

_SAYS = "Nothing is found that needs somebody now; what can wait only warns."
_SHOWN = 20

Result = dg.MaterializeResult[None] | dg.AssetCheckResult


def build(catalog: Catalog) -> Built:
    tables = catalog.room(GROUP)  # sizes before what is told from them
    findings = looks(catalog)

    @dg.multi_asset(
        specs=[describe.spec(catalog, table) for table in tables],
        name="look_at_health",
        check_specs=[spec(Check(CHECK, table.key, "error", _SAYS)) for table in findings.values()],
        can_subset=True,
        **step(GROUP),
    )
    @clearly
    def look_at_health(context: dg.AssetExecutionContext, database: DatabaseResource) -> Iterator[Result]:
        assets, checks = context.selected_asset_keys, context.selected_asset_check_keys
        with database.begin() as connection:
            ensure(connection, catalog, *(table for table in tables if key_of(table.key) in assets))
        for table in tables:
            if table.name not in findings and key_of(table.key) in assets:
                yield dg.MaterializeResult(asset_key=key_of(table.key), metadata=_measured(database, catalog, table))
            elif key_of(table.key) in assets or key(table.key, CHECK) in checks:
                yield from _found(
                    database, catalog, table, key_of(table.key) in assets, key(table.key, CHECK) in checks
                )

    return [look_at_health], []


def _measured(database: DatabaseResource, catalog: Catalog, table: Table) -> dict[str, Any]:
    from aclue_pipeline.health import measure

    measure(database, catalog)
    with database.begin() as connection:
        return metadata(look(connection, table))


def _found(database: DatabaseResource, catalog: Catalog, table: Table, asset: bool, check: bool) -> Iterator[Result]:
    from aclue_pipeline.health import examine, keep, summed

    judgements = examine(database, catalog, [table.name])
    judged = [result(summed(table, judgements))] if check else []
    if not asset:
        yield from judged
        return
    if table.kind == "python":
        keep(database, table, judgements)
    rows = {
        "dagster/row_count": len(judgements),
        "findings": tabular(map(_line, judgements[:_SHOWN])) if judgements else "nothing found: in good health",
    }
    yield dg.MaterializeResult(asset_key=key_of(table.key), metadata=metadata(rows), check_results=judged)


def _line(one: "Judgement") -> dict[str, str]:
    return {"severity": severity(one), "object": one.object, "found": one.sentence, "remedy": one.remedy}
