"""Alerts: what wakes somebody. Made of the judgements of all rooms and of Dagster's own storage (`Source`, gathered in defs), told
once, again when they get worse or last, and once when they are over. `sweep` judges and tells, `standing` only looks."""

from aclue_pipeline.alerts.alert import asked, numbers_only, unjudged, well
from aclue_pipeline.alerts.sweep import Source, acknowledge, silence, standing, sweep
from aclue_pipeline.alerts.targets import send, targets

__all__ = [
    "Source",
    "acknowledge",
    "asked",
    "numbers_only",
    "send",
    "silence",
    "standing",
    "sweep",
    "targets",
    "unjudged",
    "well",
]
