"""Revenue: what clicks brought, by click day and by conversion day. Each table is one file in sql/revenue."""

from aclue_pipeline.defs.daily import room_assets
from aclue_pipeline.defs.sql_checks import checks_of

GROUP = "revenue"

assets = room_assets(GROUP)
checks = checks_of(GROUP)
