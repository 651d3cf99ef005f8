"""Observed sources: tables that others write and we only look at. One wrapper, since Dagster's call for it is beta. Which tables
are looked at stands in app.py and schema.py, what a look says in aclue_pipeline/sources."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.data_version import extract_data_version_from_entry

from aclue_pipeline.defs import beta
from aclue_pipeline.defs.metadata import metadata
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly

if TYPE_CHECKING:
    import sqlalchemy as sa


#: All that an observation says which found nothing new: a look every quarter of an hour is most of what the event log holds. What a
#: reader of the page needs each time stays on it.
_KEPT = {"dagster/row_count", "tables", "differs from what is declared", "last deployment", "last deployment at"}


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
                    if version == known_version(context.instance, asset.key):
                        seen = {name: said for name, said in seen.items() if name in _KEPT}
                    yield dg.ObserveResult(
                        asset_key=asset.key, data_version=dg.DataVersion(version), metadata=metadata(seen)
                    )

    return observed


def known_version(instance: dg.DagsterInstance, key: dg.AssetKey, is_observed: bool = True) -> str | None:
    """The version that the last observation found, or the last materialization made."""
    last = instance.get_latest_data_version_record(key, is_source=is_observed)
    version = last and extract_data_version_from_entry(last.event_log_entry)
    return version.value if version else None


def forget_materializations(instance: dg.DagsterInstance, key: dg.AssetKey) -> None:
    """Releases before 0.2.0 materialized views; Dagster would go on taking the last of these for what was read of a view since."""
    if instance.fetch_materializations(key, limit=1).records:
        instance.wipe_assets([key])


def look_at_table(connection: "sa.Connection", key: dg.AssetKey) -> tuple[str, Mapping[str, Any]]:
    """Data version and row count of one table. Raises MissingPrerequisite where it is not there."""
    from aclue_pipeline.sources import version_of

    seen = version_of(connection, ".".join(key.path))
    rows_are = "counted" if seen.is_counted else "estimated by the server's statistics"
    return seen.version, {"dagster/row_count": seen.rows, "rows are": rows_are}
