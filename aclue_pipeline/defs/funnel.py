"""Funnel: how sessions go from landing to conversion, and which positions are clicked. Each table is one file in sql/funnel."""

from aclue_pipeline.defs.daily import room_assets
from aclue_pipeline.defs.sql_checks import checks_of

GROUP = "funnel"

assets = room_assets(GROUP)
checks = checks_of(GROUP)
