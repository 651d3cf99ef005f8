"""What the columns that Python writes rest on, as the catalog reads it. Only names: the arithmetic is in kernel.py, rows.py,
training.py and quality.py."""

from typing import Any, Final

_JUDGED: Final = ["pipeline.signals.value", "pipeline.signals.weight"]
#: Which of repeated judgements counts, and how old it is.
_COUNTED: Final = [
    f"pipeline.signals.{name}" for name in ("user_id", "product_id", "at", "event_id", "is_explicit", "is_about_price")
]
_MODEL: Final = ["pipeline.taste_models.parameters", "pipeline.taste_models.vocabulary"]
_OFFSET: Final = ["pipeline.taste_items.log_odds"]
_FEATURES: Final = ("category", "brand", "style", "colour", "price", "relative_price")


def _scores(*of: str) -> dict[str, list[str]]:
    """Shrunk probabilities per value of a facet: the likes, and the values they were for."""
    return {"direct": [*_JUDGED, *of], "indirect": _MODEL}


_BRANDS: Final = _scores("pipeline.taste_items.brand")
_SWIPES: Final = {"direct": ["pipeline.signals.source", "pipeline.signals.event_id"]}
_PROFILE: Final[dict[str, Any]] = {
    "user_id": ["pipeline.signals.user_id"],
    "category_preferences": _scores("pipeline.taste_items.category"),
    "category_confidence": _scores("pipeline.taste_items.category"),
    "price_range": _scores("pipeline.taste_items.price"),
    "price_sensitivity": {"direct": [*_JUDGED, "pipeline.taste_items.relative_price"], "indirect": _MODEL + _OFFSET},
    "liked_brands": _BRANDS,
    "disliked_brands": _BRANDS,
    "brand_scores": _BRANDS,
    "style_scores": _scores("pipeline.taste_items.style"),
    "colour_preferences": _scores("pipeline.taste_items.colour"),
    "occasion_preferences": _scores("pipeline.signals.occasion"),
    "recipient_preferences": _scores("pipeline.signals.recipient"),
    "total_swipes": _SWIPES,
    "right_swipes": _SWIPES,
    "left_swipes": _SWIPES,
    "super_likes": _SWIPES,
    "engagement_rate": _SWIPES,
    "ml_features": {
        "direct": [
            *_JUDGED,
            *_OFFSET,
            *(f"pipeline.taste_items.{name}" for name in ("category", "brand", "style", "colour", "relative_price")),
        ],
        "indirect": _MODEL,
    },
    "embedding_vector": {"direct": [*_JUDGED, "pipeline.taste_items.vector"], "indirect": _MODEL + _OFFSET},
    "cluster_id": {
        "direct": [*_JUDGED, "pipeline.taste_items.vector", "pipeline.taste_models.parameters"],
        "indirect": _OFFSET,
    },
    "similarity_threshold": {"direct": [*_JUDGED, "pipeline.taste_items.vector"], "indirect": _MODEL + _OFFSET},
    "calculation_version": ["pipeline.taste_models.version"],
    "data_quality_score": {
        "direct": [
            "pipeline.signals.value",
            *(f"pipeline.taste_items.{name}" for name in ("category", "brand", "style", "colour", "price")),
        ]
    },
    "confidence_level": {"direct": ["pipeline.signals.weight", *_OFFSET], "indirect": _MODEL},
    "last_calculated": [],
    "*": {"indirect": _COUNTED},
}

LINEAGE: Final[dict[str, Any]] = {
    "public.user_preferences": _PROFILE,
    "pipeline.taste_models": {
        "version": [*_JUDGED, *(f"pipeline.item_features.{name}" for name in _FEATURES)],
        "parameters": [*_JUDGED, *(f"pipeline.item_features.{name}" for name in _FEATURES)],
        "vocabulary": [
            *(f"pipeline.item_features.{name}" for name in ("category", "brand", "style", "colour")),
            "pipeline.signals.occasion",
            "pipeline.signals.recipient",
        ],
        "events": ["pipeline.signals.event_id"],
        "trained_at": [],
        "seed": [],
        "users": ["pipeline.signals.user_id"],
        "products": ["pipeline.item_features.product_id"],
        "*": {"indirect": _COUNTED},
    },
    "pipeline.taste_items": {
        "model_version": ["pipeline.taste_models.version"],
        "product_id": ["pipeline.item_features.product_id"],
        **{name: [f"pipeline.item_features.{name}"] for name in _FEATURES},
        "log_odds": {
            "direct": _JUDGED,
            "indirect": [f"pipeline.item_features.{name}" for name in ("category", "brand", "style", "colour")],
        },
        "vector": {
            "direct": _JUDGED,
            "indirect": [f"pipeline.item_features.{name}" for name in ("category", "brand", "style", "colour")],
        },
        "judgements": ["pipeline.signals.weight", "pipeline.signals.event_id"],
    },
    "pipeline.profile_fingerprints": {
        "user_id": ["pipeline.signals.user_id"],
        "events": ["pipeline.signals.event_id"],
        "latest_at": ["pipeline.signals.at"],
        "digest": ["pipeline.signals.digest"],
        "cut": [],
        "model_version": ["pipeline.taste_models.version"],
        "is_adjusted": ["public.user_preferences.updated_at", "public.user_preferences.last_calculated"],
    },
    "analytics.preference_quality": {
        "model_version": ["pipeline.taste_models.version"],
        "users_group": {"indirect": ["pipeline.signals.event_id"]},
        "predictor": [],
        "measured_at": [],
        "users": ["pipeline.signals.user_id"],
        "judgements": ["pipeline.signals.event_id"],
        **{
            name: {"direct": _JUDGED, "indirect": [f"pipeline.item_features.{of}" for of in _FEATURES]}
            for name in ("log_loss", "auc", "calibration_error", "reliability")
        },
        "*": {"indirect": _COUNTED},
    },
}
