"""The room `schema`: the five tables of sql/schema deployed, watched and taken back. What the tables hold is other rooms' work.

`plan` says what is missing, `deploy` runs it, `rollback` retires it, `restore` brings that back and `purge` drops it, `fingerprint`
names a state, `require_deployed` refuses to go on without."""

from aclue_pipeline.schema.apply import Deployment, deploy
from aclue_pipeline.schema.fingerprint import fingerprint
from aclue_pipeline.schema.plan import Plan, plan
from aclue_pipeline.schema.preflight import preflight, require_deployed
from aclue_pipeline.schema.purge import purge
from aclue_pipeline.schema.retire import Retirement, restore, retirement, rollback

__all__ = [
    "Deployment",
    "Plan",
    "Retirement",
    "deploy",
    "fingerprint",
    "plan",
    "preflight",
    "purge",
    "require_deployed",
    "restore",
    "retirement",
    "rollback",
]
