"""The app's own tables: we look at them, never alter them. What we read of them becomes staging."""

from datetime import timedelta

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.checks import Check
from aclue_pipeline.defs import describe
from aclue_pipeline.defs.checks import Built, asset_checks
from aclue_pipeline.defs.observed import look_at_table, observe
from aclue_pipeline.sources import contract, freshness

GROUP = "app"

#: Columns by which the two catalogue shapes of `products` differ: one of the first two sets must be there as a whole.
_SHAPES = ({"price_min", "price_max", "category_id"}, {"price", "category"})
_OPTIONAL = {"tags", "affiliate_network", "commission_rate", "availability_status", "retailer", "asin"}

FRESH = [
    freshness("public.swipe_interactions", "swipe_timestamp", timedelta(days=3)),
    freshness("public.recommendations", "created_at", timedelta(days=7)),
]


def _contract(catalog: Catalog, table: Table) -> Check:
    """The columns that our results rest on: an installation may lack what nobody reads."""
    types = {column.name: column.type for column in table.columns}
    read = {column for of, column in catalog.users if of == table.key} & types.keys()
    shaped = table.key == "public.products"
    return contract(
        table,
        {name: types[name] for name in read - (_SHAPES[0] | _SHAPES[1] | _OPTIONAL if shaped else set())},
        f"{table.key} belongs to the app: let its people give back what is missing, or change what sql/staging reads",
        [{name: types[name] for name in shape} for shape in _SHAPES] if shaped else (),
    )


def contracts(catalog: Catalog) -> list[Check]:
    return [_contract(catalog, table) for table in catalog.room(GROUP)]


def build(catalog: Catalog) -> Built:
    specs = [describe.spec(catalog, table) for table in catalog.room(GROUP)]
    return [observe(specs, "observe_app", look_at_table)], [
        asset_checks("app_contract", contracts(catalog)),
        asset_checks("app_freshness", FRESH),
    ]
