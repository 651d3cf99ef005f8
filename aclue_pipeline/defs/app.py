"""The app's own tables: we look at them, never alter them. What we read of them becomes staging."""

from datetime import timedelta

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import describe
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.observed import (
    Contract,
    Fresh,
    columns_read,
    contract_checks,
    freshness_checks,
    look_at_table,
    observe,
)

GROUP = "app"

_SCHEDULED = "Looked at by the schedule `observe_sources`."

#: Columns by which the two catalogue shapes of `products` differ: one of the first two sets must be there as a whole.
_SHAPES = ({"price_min", "price_max", "category_id"}, {"price", "category"})
_OPTIONAL = {"tags", "affiliate_network", "commission_rate", "availability_status", "retailer", "asin"}


def _contract(catalog: Catalog, table: Table) -> Contract:
    """The columns that our results rest on: an installation may lack what nobody reads."""
    types = {column.name: column.type for column in table.columns}
    differing = _SHAPES[0] | _SHAPES[1] | _OPTIONAL if table.key == "public.products" else set()
    return Contract(
        table,
        {name: types[name] for name in sorted((columns_read(catalog, table.key) & types.keys()) - differing)},
        remedy=f"{table.key} belongs to the app: give it back the column, or change what sql/staging reads",
        either=tuple({name: types[name] for name in shape} for shape in _SHAPES) if differing else (),
    )


def build(catalog: Catalog) -> Built:
    tables = catalog.room(GROUP)
    specs = [describe.spec(catalog, table, GROUP, says=_SCHEDULED, code=False) for table in tables]
    promises = [
        Fresh("public.swipe_interactions", "swipe_timestamp", timedelta(days=3)),
        Fresh("public.recommendations", "created_at", timedelta(days=7)),
    ]
    return [observe(specs, "observe_app", look_at_table)], [
        contract_checks("app_contract", [_contract(catalog, table) for table in tables]),
        freshness_checks("app_freshness", promises),
    ]
