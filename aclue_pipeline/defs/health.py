"""Health: what slows the database down, as findings. Each is one file in sql/health."""

import dagster as dg

GROUP = "health"

assets: list[dg.AssetsDefinition] = []
checks: list[dg.AssetChecksDefinition] = []
