"""Funnel: how sessions go from landing to conversion, and which positions are clicked. Each table is one file in sql/funnel."""

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.tables import build_room


def build(catalog: Catalog) -> Built:
    return build_room(catalog, "funnel")
