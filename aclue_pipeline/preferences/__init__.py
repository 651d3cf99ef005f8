"""Preferences: from swipes and feedback to `public.user_preferences`, one profile per user, and how good they are.

`train` makes a model version, `evaluate` measures and judges it, `recalculate` computes the profiles of those whose events changed
(or of all), `predict` and `recommend` are what a recommender imports. Dagster, charts and the command line do not
belong here."""

from aclue_pipeline.preferences.explaining import Explanation, explain
from aclue_pipeline.preferences.quality import Quality
from aclue_pipeline.preferences.recalculation import Recalculation, recalculate, reset, waiting
from aclue_pipeline.preferences.registry import kept_versions, pin, roll_back, unpin
from aclue_pipeline.preferences.serving import Prediction, Recommendation, predict, recommend
from aclue_pipeline.preferences.store import current_version, load_model
from aclue_pipeline.preferences.versions import (
    Trained,
    cold_curve,
    ensure_judged,
    ensure_model,
    evaluate,
    nothing_yet,
    train,
)

__all__ = [
    "Explanation",
    "Prediction",
    "Quality",
    "Recalculation",
    "Recommendation",
    "Trained",
    "cold_curve",
    "current_version",
    "ensure_judged",
    "ensure_model",
    "evaluate",
    "explain",
    "kept_versions",
    "load_model",
    "nothing_yet",
    "pin",
    "predict",
    "recalculate",
    "recommend",
    "reset",
    "roll_back",
    "train",
    "unpin",
    "waiting",
]
