"""Verifying a deployment: every criterion judged, on one connection, leaving nothing behind."""

from aclue_pipeline.checks import Check, Judgement
from aclue_pipeline.postgres import Database
from aclue_pipeline.schema.session import session
from aclue_pipeline.schema.verify.criteria import CRITERIA
from aclue_pipeline.schema.verify.site import Site


def verify(db: Database) -> list[Judgement]:
    """One judgement for each of criteria.CRITERIA, in their order.

    Safe on a database in use: whatever is written is rolled back within the transaction, no lock is waited for longer than
    a second.
    """
    with session(db, lock=False) as pg:
        site = Site(pg)
        return [criterion.judgement(site) for criterion in CRITERIA]


def checks() -> list[Check]:
    """The criteria as checks. They are judged together, since one trial answers several."""
    return [Check(one.name, "schema", one.severity, one.says) for one in CRITERIA]
