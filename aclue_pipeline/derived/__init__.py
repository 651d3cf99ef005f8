"""Writes what the catalog describes: tables, views and functions (`ensure`), the rows of days and of whole tables (`rebuild`,
`replace_days`, `replace_whole`); keeps what they replace (`restated`) and says why a day says what it says (`explain`).
What the numbers mean belongs to the SQL files, when they are computed to Dagster."""

from aclue_pipeline.derived.days import DayResult, Replaced, rebuild, replace_days, replace_whole, whole
from aclue_pipeline.derived.facts import Synced, sync
from aclue_pipeline.derived.history import restated
from aclue_pipeline.derived.needed import (
    dirty_days,
    is_known,
    missing_days,
    needed,
    outdated_days,
    rebuild_range,
    span,
    today,
)
from aclue_pipeline.derived.tables import Change, ensure, ensure_tables
from aclue_pipeline.derived.why import explain

__all__ = [
    "Change",
    "DayResult",
    "Replaced",
    "Synced",
    "dirty_days",
    "ensure",
    "ensure_tables",
    "explain",
    "is_known",
    "missing_days",
    "needed",
    "outdated_days",
    "rebuild",
    "rebuild_range",
    "replace_days",
    "replace_whole",
    "restated",
    "span",
    "sync",
    "today",
    "whole",
]
