"""The catalog: what the SQL files say (`tables`, `table`), the tables that follow from them (`ensure`, `replace_days`), what
their columns rest on (`lineage`) and the pages about them (`docs`). What the numbers mean belongs to the SQL files, when they
are computed to Dagster.

Importing this package loads neither a parser nor a database driver; each function loads what it needs."""

from typing import TYPE_CHECKING, Any

from aclue_pipeline.catalog.read import reading, sql_root, table, tables
from aclue_pipeline.catalog.table import BOOKKEEPING, Column, Source, Table

if TYPE_CHECKING:
    from aclue_pipeline.catalog.build import Change, ensure, ensure_tables
    from aclue_pipeline.catalog.days import (
        DayResult,
        Replaced,
        missing_days,
        outdated_days,
        rebuild_range,
        replace_days,
        replace_table,
        trailing_range,
    )

_LAZY = {
    "Change": "build",
    "ensure": "build",
    "ensure_tables": "build",
    "DayResult": "days",
    "Replaced": "days",
    "missing_days": "days",
    "outdated_days": "days",
    "rebuild_range": "days",
    "replace_days": "days",
    "replace_table": "days",
    "trailing_range": "days",
}

__all__ = [
    "BOOKKEEPING",
    "Change",
    "Column",
    "DayResult",
    "Replaced",
    "Source",
    "Table",
    "ensure",
    "ensure_tables",
    "missing_days",
    "outdated_days",
    "reading",
    "rebuild_range",
    "replace_days",
    "replace_table",
    "sql_root",
    "table",
    "tables",
    "trailing_range",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
