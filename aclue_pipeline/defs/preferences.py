"""Preferences: words → item features → taste model → quality → user_preferences, signals into those that read them. How they are
computed stands in aclue_pipeline/preferences; here are the assets, and what each says about itself. Views are as in staging."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs import charts, describe
from aclue_pipeline.defs.checks import Built, checks_of
from aclue_pipeline.defs.metadata import metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.defs.tables import look, view_asset
from aclue_pipeline.derived import ensure

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database

GROUP = "preferences"

_PROFILES, _MODELS, _QUALITY = "public.user_preferences", "pipeline.taste_models", "analytics.preference_quality"
_SIGNALS, _FEATURES = "pipeline.signals", "pipeline.item_features"


def _spec(catalog: Catalog, key: str, *deps: str, kinds: tuple[str, ...] = ()) -> dg.AssetSpec:
    """What is next to it in the line alone: further edges would say nothing that the line does not."""
    return describe.spec(catalog, catalog.tables[key], GROUP, deps=deps, kinds=kinds)


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
        specs=[_spec(catalog, _MODELS, _FEATURES, _SIGNALS, kinds=("scikitlearn",))], name="taste_model", **step(GROUP)
    )
    @clearly
    def taste_model(
        context: dg.AssetExecutionContext, config: TrainConfig, database: DatabaseResource
    ) -> dg.MaterializeResult[None]:
        """The newest version, or a new one where it is due: a candidate until its quality is judged."""
        from aclue_pipeline.preferences import ensure_model, train

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_MODELS], catalog.functions["pipeline.likely"])
        trained = train(database) if config.retrain else ensure_model(database)
        context.log.info(
            f"{'trained' if trained.is_new else 'newest'} version {trained.version}: {trained.events:,} signals"
        )
        card = _card(database, trained.version)
        return dg.MaterializeResult(
            metadata=metadata({**asdict(trained), **card, **_looked(catalog, database, _MODELS)})
        )

    return taste_model


def _card(database: "Database", version: str) -> dict[str, Any]:
    """Whether a version may be used, and what stands on its card."""
    from aclue_pipeline.preferences import kept_versions
    from aclue_pipeline.preferences.card import entries

    (one,) = (one for one in kept_versions(database) if one["version"] == version)
    said = tabular({"what": name, "is": value} for name, value in entries(one["card"] or {}))
    return {"version": version, "status": one["status"], "current": one["is_current"], "card": said}


# --- how good it is ----------------------------------------------------------------------------------------------------


def _preference_quality(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=[_spec(catalog, _QUALITY, _MODELS, _SIGNALS)], name="preference_quality", **step(GROUP))
    @clearly
    def preference_quality(database: DatabaseResource) -> dg.MaterializeResult[None]:
        """Measured and judged once a model version: on judgements held out in time, against the current version and what knows less.
        Shown every time."""
        from aclue_pipeline.preferences import ensure_judged, kept_versions
        from aclue_pipeline.preferences.figures import measured

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_QUALITY])
        when = "now" if ensure_judged(database) else "before, for this version of the model"
        rows, said = measured(database), _card(database, kept_versions(database)[0]["version"])
        return dg.MaterializeResult(
            metadata=metadata({**said, "measured": when, **_scores(rows), **_looked(catalog, database, _QUALITY)})
        )

    return preference_quality


def _scores(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers that the UI draws a line of, and how far what was predicted came true: of the current version, which is not the newest
    where that was refused or another one is pinned."""
    from aclue_pipeline.charts import shapes

    if not rows:
        return {}
    of_all = {row["predictor"]: row for row in rows if row["users_group"] == "all"}
    figures: dict[str, Any] = {
        "scores are of": rows[0]["model_version"],
        "scores": tabular(
            {name: row[name] for name in row if name not in ("reliability", "intercepts")} for row in rows
        ),
        "log_loss": of_all["profile"]["log_loss"],
        "log_loss of the user's own rate": of_all["user_rate"]["log_loss"],
    }
    intercepts = of_all["profile"]["intercepts"]
    if intercepts:
        figures["more liked than predicted"] = charts.sparkline(
            intercepts,
            "log odds by which likes were more than predicted, by block of the calendar",
            "in the latest block",
            "+.2f",
        )
    bins = of_all["profile"]["reliability"]
    if bins:
        points = [{**row, "n": row["judgements"]} for row in bins]
        figures["reliability"] = charts.embedded(
            lambda rows: shapes.calibration_chart(rows, "predicted share of likes", "observed share of likes"),
            points,
            "predicted against observed share of likes",
        )
        figures["observed by predicted"] = charts.sparkline(
            [row["observed"] for row in bins],
            "observed share of likes by predicted share",
            "observed in the highest bin",
            ".2f",
        )
    return figures


# --- the profiles -----------------------------------------------------------------------------------------------------


class RecalculateConfig(dg.Config):
    """Which users to recalculate."""

    full: bool = Field(False, description="All users; otherwise those whose events, feedback or model version changed.")


def _user_preferences(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(
        specs=[_spec(catalog, _PROFILES, _QUALITY, _SIGNALS, kinds=("numpy",))], name="user_preferences", **step(GROUP)
    )
    @clearly
    def user_preferences(
        context: dg.AssetExecutionContext, config: RecalculateConfig, database: DatabaseResource
    ) -> dg.MaterializeResult[None]:
        """Profiles, each in one transaction with its fingerprint and the marks on the feedback that it took in."""
        from aclue_pipeline.preferences import recalculate

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_SIGNALS], catalog.tables["pipeline.reasons"])
        done = recalculate(database, full=config.full, progress=context.log.info)
        did = asdict(done)
        did |= did.pop("published")
        figures = {**_portrait(database, moved=done.published.written > 0), **did}
        return dg.MaterializeResult(metadata=metadata({**figures, **_looked(catalog, database, _PROFILES)}))

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

        figures["chart"] = charts.embedded(shapes.confidence_chart, rows, "profiles by confidence and segment")
    return figures


def build(catalog: Catalog) -> Built:
    return [
        *(view_asset(catalog, table) for table in catalog.room(GROUP, "view")),
        _taste_model(catalog),
        _preference_quality(catalog),
        _user_preferences(catalog),
    ], checks_of(catalog, GROUP)
