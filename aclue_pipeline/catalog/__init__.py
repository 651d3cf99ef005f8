"""The catalog: what the SQL files say (`tables`, `table`), what their columns rest on (`lineage`) and the pages about them
(`docs`), without a database. What follows from them in a database is `derived`'s work."""

from aclue_pipeline.catalog.read import reading, sql_root, table, tables
from aclue_pipeline.catalog.table import BOOKKEEPING, Column, Source, Table

__all__ = ["BOOKKEEPING", "Column", "Source", "Table", "reading", "sql_root", "table", "tables"]
