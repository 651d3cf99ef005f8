"""The repository's own catalogue, read once for all tests."""

from aclue_pipeline.catalog import Catalog

CATALOG = Catalog.load()
