"""Staging: what was really meant. Views, so always current; materialising one brings its definition up to date and counts it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import describe
from aclue_pipeline.defs.checks import Built, checks_of
from aclue_pipeline.defs.metadata import PREVIEW_ROWS, metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.derived import ensure

if TYPE_CHECKING:
    import sqlalchemy as sa

GROUP = "staging"

_SCHEDULED = "A view: always current. Its definition is brought up to date by the jobs that read it."
_COUNT_SECONDS = 5
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
    import sqlalchemy as sa

    of = sa.table(table.name, schema=table.schema)
    told: dict[str, Any] = {}
    if table.schema == _PUBLISHED:
        told["preview"] = _preview(connection, table, of)
    count = _counted(connection, of)
    if count is None:
        told["rows are"] = f"not counted: that takes more than {_COUNT_SECONDS} s"
    else:
        told["dagster/row_count"] = count
    return told


def _preview(connection: "sa.Connection", table: Table, of: "sa.TableClause") -> dg.MetadataValue[Any]:
    import sqlalchemy as sa

    shown = [column.name for column in table.columns if not column.pii and not column.bookkeeping]
    columns: list[sa.ColumnElement[Any]] = [sa.column(name) for name in shown]
    some = sa.select(*columns).select_from(of).limit(PREVIEW_ROWS)
    if table.clock:
        some = some.order_by(sa.column(table.clock).desc(), *map(sa.column, table.grain[1:]))
    return tabular([dict(row) for row in connection.execute(some).mappings()], shown)


def _counted(connection: "sa.Connection", of: "sa.TableClause") -> int | None:
    import psycopg
    import sqlalchemy as sa

    before = connection.execute(sa.text("select current_setting('statement_timeout')")).scalar_one()
    try:
        with connection.begin_nested():
            connection.execute(
                sa.text("select set_config('statement_timeout', :ms, true)"), {"ms": str(_COUNT_SECONDS * 1000)}
            )
            count = connection.execute(sa.select(sa.func.count()).select_from(of)).scalar_one()
            connection.execute(sa.text("select set_config('statement_timeout', :ms, true)"), {"ms": before})
            return int(count)
    except sa.exc.OperationalError as error:
        if isinstance(error.orig, psycopg.errors.QueryCanceled):
            return None
        raise


def build(catalog: Catalog) -> Built:
    return [view_asset(catalog, table) for table in catalog.room(GROUP)], checks_of(catalog, GROUP)
