"""The catalog: what the SQL files say (`tables`, `table`), the tables that follow from them (`ensure`, `replace_days`), what
their columns rest on (`lineage`) and the pages about them (`docs`). What the numbers mean belongs to the SQL files, when they
are computed to Dagster.

Importing this package loads neither a parser nor a database driver; each function loads what it needs."""

from aclue_pipeline.catalog.read import reading, sql_root, table, tables
from aclue_pipeline.catalog.table import BOOKKEEPING, Column, Source, Table

__all__ = ["BOOKKEEPING", "Column", "Source", "Table", "reading", "sql_root", "table", "tables"]
