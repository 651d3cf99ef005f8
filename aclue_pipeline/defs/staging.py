"""Staging: what was really meant. Views, so always current; materialising one brings its definition up to date and counts it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import describe
from aclue_pipeline.defs.checks import Built, checks_of
from aclue_pipeline.defs.metadata import metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.derived import ensure, glance

if TYPE_CHECKING:
    import sqlalchemy as sa

GROUP = "staging"

_SCHEDULED = "A view: always current. Its definition is brought up to date by the jobs that read it."
_PUBLISHED = "analytics"  # the schema of tables that count: no row of theirs is a person's


def view_asset(catalog: Catalog, table: Table, says: str = _SCHEDULED) -> dg.AssetsDefinition:
    """The asset of a view: brings it up to date, counts it."""

    @dg.multi_asset(specs=[describe.spec(catalog, table, table.room, says=says)], name=describe.op_name(table))
    def view(database: DatabaseResource) -> dg.MaterializeResult[None]:
        with database.begin() as connection:
            changes = ensure(connection, catalog, table)
            told = {**look(connection, table), "done": "; ".join(map(str, changes)) or "nothing: it was up to date"}
        return dg.MaterializeResult(metadata=metadata(told))

    return view


def look(connection: "sa.Connection", table: Table) -> Mapping[str, Any]:
    """Row count, where that is quick; of a published table some rows. Rows of any other are about one visitor, and the event log
    keeps what it is told for ever."""
    rows: dict[str, Any] = {}
    if table.schema == _PUBLISHED:
        rows["preview"] = tabular(*glance.sample(connection, table))
    count = glance.count(connection, table)
    if count is None:
        return {**rows, "rows are": f"not counted: that takes more than {glance.COUNT_SECONDS} s"}
    return {**rows, "dagster/row_count": count}


def build(catalog: Catalog) -> Built:
    return [view_asset(catalog, table) for table in catalog.room(GROUP)], checks_of(catalog, GROUP)
