"""Observed sources: tables that others write and we only look at. One wrapper, since Dagster's call for it is beta. Which tables
are looked at stands in app.py and schema.py, what a look says in aclue_pipeline/sources."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.defs import beta
from aclue_pipeline.defs.metadata import metadata
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly

if TYPE_CHECKING:
    import sqlalchemy as sa


def observe(
    specs: Sequence[dg.AssetSpec],
    name: str,
    look: Callable[["sa.Connection", dg.AssetKey], tuple[str, Mapping[str, Any]]],
) -> dg.AssetsDefinition:
    """Sources that one op observes over one connection, singly or together; `look` gives data version and metadata.

    Executable observations, unlike external assets, keep the order of a run: what is downstream waits for them.
    """

    @beta.observable(specs, name)
    @clearly
    def observed(context: dg.AssetExecutionContext, database: DatabaseResource) -> Iterator[dg.ObserveResult]:
        with database.begin() as connection:
            for asset in specs:
                if asset.key in context.selected_asset_keys:
                    version, seen = look(connection, asset.key)
                    yield dg.ObserveResult(
                        asset_key=asset.key, data_version=dg.DataVersion(version), metadata=metadata(seen)
                    )

    return observed


def look_at_table(connection: "sa.Connection", key: dg.AssetKey) -> tuple[str, Mapping[str, Any]]:
    """Data version and row count of one table. Raises MissingPrerequisite where it is not there."""
    from aclue_pipeline.sources import version_of

    seen = version_of(connection, ".".join(key.path))
    rows_are = "counted" if seen.is_counted else "estimated by the server's statistics"
    return seen.version, {"dagster/row_count": seen.rows, "rows are": rows_are}
