"""Staging: what was really meant. Views, so always current; materialising one brings its definition up to date and counts it."""

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs.checks import Built
from aclue_pipeline.defs.tables import build_room


def build(catalog: Catalog) -> Built:
    return build_room(catalog, "staging")
