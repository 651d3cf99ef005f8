"""Preferences: from swipes and feedback to `public.user_preferences`, one profile per user, and how good they are.

`train` makes a model version, `recalculate` computes the profiles of those whose events changed (or of all), `evaluate`
measures them, `predict` is what a recommender imports. Dagster, charts and the command line do not belong here.
Importing this package loads no numerical library; each name loads what it needs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aclue_pipeline.preferences.predictor import predict
    from aclue_pipeline.preferences.quality import Quality
    from aclue_pipeline.preferences.recalculation import Recalculation, recalculate
    from aclue_pipeline.preferences.store import current_version, load_model
    from aclue_pipeline.preferences.versions import Trained, ensure_model, evaluate, train

_LAZY = {
    "predict": "predictor",
    "Quality": "quality",
    "Recalculation": "recalculation",
    "recalculate": "recalculation",
    "current_version": "store",
    "load_model": "store",
    "Trained": "versions",
    "ensure_model": "versions",
    "evaluate": "versions",
    "train": "versions",
}

__all__ = [
    "Quality",
    "Recalculation",
    "Trained",
    "current_version",
    "ensure_model",
    "evaluate",
    "load_model",
    "predict",
    "recalculate",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
