"""Preferences: words → item features → taste model → quality → user_preferences, signals into those that read them. How they are
computed stands in aclue_pipeline/preferences; here are the assets, and what each says about itself. Views are as in staging."""

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.defs import charts, describe
from aclue_pipeline.defs.checks import Built, checks_of
from aclue_pipeline.defs.metadata import key_of, metadata, preview, tabular
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
        from aclue_pipeline.preferences import ensure_model, nothing_yet, train

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_MODELS], catalog.functions["pipeline.likely"])
        if nothing_yet(database):
            return _nothing()
        trained = train(database) if config.retrain else ensure_model(database)
        context.log.info(
            f"{'trained' if trained.is_new else 'newest'} version {trained.version}: {trained.events:,} signals"
        )
        of_version = _of_version(database, trained.version)
        card = of_version.pop("card")
        figures = {
            **of_version,
            "trained": "now" if trained.is_new else "before; no new version is due",
            "signals it learned from": trained.events,
            "users it learned from": trained.users,
            "products it knows": trained.products,
            **_looked(catalog, database, _MODELS),
            "card": card,
        }
        return dg.MaterializeResult(metadata=metadata(figures))

    return taste_model


def _nothing() -> dg.MaterializeResult[None]:
    """A project on which nobody has swiped yet is in good order, and says so."""
    return dg.MaterializeResult(metadata=metadata({"nothing to learn from yet": "no user has judged a product"}))


def _of_version(database: "Database", version: str) -> dict[str, Any]:
    """Whether profiles are computed with a version, and what stands on its card."""
    from aclue_pipeline.preferences import kept_versions
    from aclue_pipeline.preferences.card import entries

    kept = kept_versions(database)
    one = next(one for one in kept if one["version"] == version)
    current = next((other["version"] for other in kept if other["is_current"]), "none")
    is_used = "profiles are computed with it" if one["is_current"] else f"profiles are computed with {current}"
    card = one["card"] or {}
    judged = {
        "candidate": "candidate until preference_quality has judged it",
        "refused": f"refused: {card.get('refused because', 'see its card')}",
    }.get(one["status"], one["status"])
    return {
        "version": version,
        "status": f"{judged}{', pinned' if one['pinned_at'] else ''}; {is_used}",
        "trained at": one["trained_at"],
        "card": tabular({"what": name, "is": value} for name, value in entries(card)),
    }


# --- how good it is ----------------------------------------------------------------------------------------------------


def _preference_quality(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=[_spec(catalog, _QUALITY, _MODELS, _SIGNALS)], name="preference_quality", **step(GROUP))
    @clearly
    def preference_quality(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.MaterializeResult[None]:
        """Measured and judged once a model version: on judgements held out in time, against the current version and what knows less.
        Shown every time."""
        from aclue_pipeline.preferences import ensure_judged, kept_versions, nothing_yet
        from aclue_pipeline.preferences.figures import measured

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_QUALITY])
        if nothing_yet(database):
            return _nothing()
        is_new = ensure_judged(database)
        of_newest = _of_version(database, kept_versions(database)[0]["version"])
        if is_new:  # the model's own page said candidate
            context.log_event(dg.AssetObservation(key_of(_MODELS), metadata=metadata(of_newest)))
        when = "now" if is_new else "before, for this version of the model"
        figures = {
            **_scores(measured(database)),
            "newest version": of_newest["version"],
            "newest version is": of_newest["status"],
            "measured": when,
            **_looked(catalog, database, _QUALITY),
        }
        return dg.MaterializeResult(metadata=metadata(figures))

    return preference_quality


def _scores(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Numbers that the UI draws a line of, and how far what was predicted came true: of the current version, which is not the newest
    where that was refused or another one is pinned."""
    from aclue_pipeline.charts import shapes

    if not rows:
        return {}
    of_all = {row["predictor"]: row for row in rows if row["users_group"] == "all"}
    profile = of_all["profile"]
    figures: dict[str, Any] = {"scores are of version": rows[0]["model_version"]}
    for name, of in (("log_loss", profile), ("log_loss of the user's own rate", of_all["user_rate"])):
        if of["log_loss"] is not None:  # of the first few judgements none is held out
            figures[name] = round(of["log_loss"], 4)
    if profile["reliability"]:
        bins = [{**row, "n": row["judgements"]} for row in profile["reliability"]]
        figures["observed by predicted"] = charts.sparkline(
            [row["observed"] for row in bins],
            "share that was liked",
            f"from what was predicted least, {bins[0]['observed']:.0%}, to what was predicted most, {bins[-1]['observed']:.0%}",
        )
        figures["reliability: liked as often as predicted?"] = charts.embedded(
            lambda rows: shapes.calibration_chart(rows, "predicted share of likes", "observed share of likes"),
            bins,
            "Reliability: on the diagonal as much was liked as was predicted",
        )
    if profile["intercepts"]:
        figures["more liked than predicted"] = charts.sparkline(
            profile["intercepts"],
            "more liked than predicted",
            f"log odds, by block of the calendar: {profile['intercepts'][-1]:+.2f} in the latest",
        )
    scores = [
        {name: f"{value:.4f}" if isinstance(value, float) else value for name, value in row.items()} for row in rows
    ]
    return figures | {"scores": preview(scores, ("users_group", "predictor"), ("log_loss", "auc", "judgements"))}


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
        from aclue_pipeline.preferences import nothing_yet, recalculate

        with database.begin() as connection:
            ensure(connection, catalog, catalog.tables[_SIGNALS], catalog.tables["pipeline.reasons"])
        if nothing_yet(database):
            return _nothing()
        done = recalculate(database, full=config.full, progress=context.log.info)
        did = {
            "recalculated": "all users" if done.full else "users whose events, feedback or model version changed",
            "users recalculated": done.users,
            "signals read": done.signals,
            "profiles written": done.published.written,
            "profiles that came out the same": done.published.unchanged,
            "profiles removed": done.published.removed,
            "profiles with adjustments of their user's": done.published.adjusted,
            "feedback taken in": done.published.feedback,
            "by model version": done.model_version,
            "seconds": round(done.seconds, 2),
        }
        return dg.MaterializeResult(
            metadata=metadata({**_portrait(database), **_looked(catalog, database, _PROFILES), **did})
        )

    return user_preferences


def _portrait(database: "Database") -> dict[str, Any]:
    """How sure the profiles are."""
    from aclue_pipeline.charts import shapes
    from aclue_pipeline.preferences.figures import confidence_bins

    rows = confidence_bins(database)
    if not rows:
        return {}
    bins = [sum(row["profiles"] for row in rows if row["bin"] == n) for n in range(1, 21)]
    fullest = bins.index(max(bins))
    says = (
        f"{sum(bins):,} profile{'' if sum(bins) == 1 else 's'}, from no confidence (left) to full (right); the most, {bins[fullest]:,}, at"
        f" {fullest / 20:.2f} to {(fullest + 1) / 20:.2f}"
    )
    title = "profiles by confidence and segment"
    return {
        "profiles by confidence": charts.sparkline(bins, "profiles by confidence", says),
        title: charts.embedded(shapes.confidence_chart, rows, title),
    }


def build(catalog: Catalog) -> Built:
    return [
        *(view_asset(catalog, table) for table in catalog.room(GROUP, "view")),
        _taste_model(catalog),
        _preference_quality(catalog),
        _user_preferences(catalog),
    ], checks_of(catalog, GROUP)
