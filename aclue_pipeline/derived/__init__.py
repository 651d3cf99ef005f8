"""Writes what the catalog describes: tables and views (`ensure`), the rows of days and of whole tables (`replace_days`,
`replace_table`). What the numbers mean belongs to the SQL files, when they are computed to Dagster."""

from aclue_pipeline.derived.days import (
    DayResult,
    Replaced,
    missing_days,
    outdated_days,
    rebuild_range,
    replace_days,
    replace_table,
    trailing_range,
)
from aclue_pipeline.derived.tables import Change, ensure, ensure_tables

__all__ = [
    "Change",
    "DayResult",
    "Replaced",
    "ensure",
    "ensure_tables",
    "missing_days",
    "outdated_days",
    "rebuild_range",
    "replace_days",
    "replace_table",
    "trailing_range",
]
