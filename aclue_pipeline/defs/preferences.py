"""Preferences: signals → taste model → user_preferences, and how good the profiles are. How they are computed stands in
aclue_pipeline/preferences; here are the assets, and what each says about itself. Views are as in staging."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs import charts, describe
from aclue_pipeline.defs.checks import Built, checks_of
from aclue_pipeline.defs.metadata import key_of, metadata, records
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.tables import look, view_asset
from aclue_pipeline.defs.timetable import SCHEMA
from aclue_pipeline.derived import ensure

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database

GROUP = "preferences"

_PROFILES, _FINGERPRINTS = "public.user_preferences", "pipeline.profile_fingerprints"
_MODELS, _ITEMS = "pipeline.taste_models", "pipeline.taste_items"
_QUALITY = "analytics.preference_quality"


def _spec(catalog: Catalog, key: str, *deps: str | dg.AssetKey, kinds: tuple[str, ...] = ()) -> dg.AssetSpec:
    return describe.spec(catalog, catalog.tables[key], GROUP, deps=deps, kinds=kinds)


def _views(catalog: Catalog) -> list[str]:
    """What is computed here is computed from these."""
    return [table.key for table in catalog.room(GROUP, "view")]


def _looked(catalog: Catalog, database: "Database", key: str) -> dict[str, Any]:
    with database.begin() as connection:
        return dict(look(connection, catalog.tables[key]))


# --- the model --------------------------------------------------------------------------------------------------------


class TrainConfig(dg.Config):
    """Whether to train although no new version is due."""

    retrain: bool = Field(
        False, description="Train now; otherwise only where there is no model, or signals have grown by a quarter."
    )


def _taste_model(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(
        specs=[
            _spec(catalog, _MODELS, *_views(catalog), kinds=("scikitlearn",)),
            _spec(catalog, _ITEMS, *_views(catalog)),
        ],
        name="taste_model",
    )
    def taste_model(
        context: dg.AssetExecutionContext, config: TrainConfig, database: DatabaseResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        """The current version, or a new one where it is due."""
        from aclue_pipeline.preferences import ensure_model, train

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_MODELS], catalog.tables[_ITEMS])
        trained = train(database) if config.retrain else ensure_model(database)
        context.log.info(
            f"{'trained' if trained.is_new else 'current'} version {trained.version}: {trained.events:,} signals"
        )
        for key in (_MODELS, _ITEMS):
            yield dg.MaterializeResult(
                asset_key=key_of(key),
                metadata=metadata({**asdict(trained), **_looked(catalog, database, key)}),
            )

    return taste_model


# --- the profiles -----------------------------------------------------------------------------------------------------


class RecalculateConfig(dg.Config):
    """Which users to recalculate."""

    full: bool = Field(False, description="All users; otherwise those whose events, feedback or model version changed.")


def _user_preferences(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(
        specs=[
            _spec(catalog, _PROFILES, SCHEMA, _MODELS, _ITEMS, *_views(catalog), kinds=("numpy",)),
            _spec(catalog, _FINGERPRINTS, _MODELS, *_views(catalog)),
        ],
        name="user_preferences",
    )
    def user_preferences(
        context: dg.AssetExecutionContext, config: RecalculateConfig, database: DatabaseResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Profiles, each in one transaction with its fingerprint and the marks on the feedback that it took in."""
        from aclue_pipeline.preferences import recalculate

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_FINGERPRINTS])
        done = recalculate(database, full=config.full, progress=context.log.info)
        did = asdict(done)
        did |= did.pop("published")
        yield dg.MaterializeResult(
            asset_key=key_of(_PROFILES),
            metadata=metadata(
                {
                    **_portrait(database, moved=done.published.written > 0),
                    **did,
                    **_looked(catalog, database, _PROFILES),
                }
            ),
        )
        yield dg.MaterializeResult(
            asset_key=key_of(_FINGERPRINTS),
            metadata=metadata({"users": done.users, **_looked(catalog, database, _FINGERPRINTS)}),
        )

    return user_preferences


def _portrait(database: "Database", moved: bool) -> dict[str, Any]:
    """How sure the profiles are: a sparkline of the distribution; where they moved, the chart by segment behind a click."""
    from aclue_pipeline.preferences.figures import confidence_bins

    rows = confidence_bins(database)
    if not rows:
        return {}
    profiles = [sum(row["profiles"] for row in rows if row["bin"] == n) for n in range(1, 21)]
    figures: dict[str, Any] = {
        "confidence of profiles": charts.sparkline(
            profiles, "profiles by confidence, 0 to 1", "profiles with full confidence"
        )
    }
    if moved:
        from aclue_pipeline.charts import shapes

        figures["chart"] = charts.embedded(shapes.confidence_chart(rows), "profiles by confidence and segment")
    return figures


# --- how good they are ------------------------------------------------------------------------------------------------


def _preference_quality(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=[_spec(catalog, _QUALITY, _PROFILES, _MODELS)], name="preference_quality")
    def preference_quality(database: DatabaseResource) -> dg.MaterializeResult[None]:
        """Measured once a model version: on judgements held out in time, against what knows less."""
        from aclue_pipeline.preferences import evaluate
        from aclue_pipeline.preferences.figures import is_measured

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_QUALITY])
        measured = is_measured(database)
        figures: dict[str, Any] = {"measured": "before, for this version of the model" if measured else "now"}
        if not measured:
            quality = evaluate(database)
            figures["scores"] = quality.scores
            figures["log_loss"] = quality.log_loss("profile")
            figures["log_loss of the user's own rate"] = quality.log_loss("user_rate")
            if len(quality.reliability):
                from aclue_pipeline.charts import shapes

                bins = records(quality.reliability)
                points = [{**row, "n": row["judgements"]} for row in bins]
                figures["reliability"] = charts.embedded(
                    shapes.calibration_chart(points, "predicted share of likes", "observed share of likes"),
                    "predicted against observed share of likes",
                )
                figures["observed by predicted"] = charts.sparkline(
                    [row["observed"] for row in bins],
                    "observed share of likes by predicted share",
                    "observed in the highest bin",
                    ".2f",
                )
        return dg.MaterializeResult(metadata=metadata({**figures, **_looked(catalog, database, _QUALITY)}))

    return preference_quality


def build(catalog: Catalog) -> Built:
    return [
        *(view_asset(catalog, table) for table in catalog.room(GROUP, "view")),
        _taste_model(catalog),
        _user_preferences(catalog),
        _preference_quality(catalog),
    ], checks_of(catalog, GROUP)
