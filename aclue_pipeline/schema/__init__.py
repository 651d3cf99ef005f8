"""The room `schema`: the five tables of sql/schema deployed, watched and taken back. What the tables hold is other rooms' work.

Data flows one way: session → census → differ (beside declared) → plan → apply → history. `plan` says what is not as declared and what
would be done about it, `deploy` does it, `rollback` retires it, `restore` brings that back and `purge` drops it; `fingerprint` names
a state, `deployments` are the history."""

from aclue_pipeline.schema.apply import Deployment, Outcome, deploy, deployments, plan
from aclue_pipeline.schema.look import fingerprint
from aclue_pipeline.schema.plan import Plan
from aclue_pipeline.schema.preflight import preflight
from aclue_pipeline.schema.purge import purge
from aclue_pipeline.schema.retire import Retirement, restore, retirement, rollback

__all__ = [
    "Deployment",
    "Outcome",
    "Plan",
    "Retirement",
    "deploy",
    "deployments",
    "fingerprint",
    "plan",
    "preflight",
    "purge",
    "restore",
    "retirement",
    "rollback",
]
