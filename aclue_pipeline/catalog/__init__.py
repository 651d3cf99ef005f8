"""The catalog: what the SQL files say, without a database. `Catalog.load(root)` is one immutable value: tables with their columns,
types, descriptions and lineage, functions, checks; `lineage` and `docs` answer from it. What follows in a database is `derived`'s work."""

from aclue_pipeline.catalog.catalog import Catalog, Described
from aclue_pipeline.catalog.table import BOOKKEEPING, CheckFile, Column, Function, Source, Table

__all__ = ["BOOKKEEPING", "Catalog", "CheckFile", "Column", "Described", "Function", "Source", "Table"]
