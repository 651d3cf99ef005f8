"""Revenue: what clicks brought, by click day and by conversion day. Each table is one file in sql/revenue."""

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.tables import build_room


def build(catalog: Catalog) -> Built:
    return build_room(catalog, "revenue")
