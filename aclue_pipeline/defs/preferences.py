"""Preferences: signals → taste_model → user_preferences, and how good the profiles are. How they are computed stands in
aclue_pipeline/preferences; here are the assets, and what each says about itself."""

import dagster as dg

GROUP = "preferences"

assets: list[dg.AssetsDefinition] = []
checks: list[dg.AssetChecksDefinition] = []
