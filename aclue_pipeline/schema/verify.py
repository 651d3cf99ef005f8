"""Verifying a deployment: every criterion judged, on one connection, leaving nothing behind."""

from typing import TYPE_CHECKING

from aclue_pipeline.schema.finding import Finding

if TYPE_CHECKING:
    from aclue_pipeline.postgres import Database


def verify(db: "Database") -> list[Finding]:
    """One finding for each of criteria.CRITERIA, in their order.

    Safe on a database in use: whatever is written is rolled back within the transaction, no lock is waited for longer than
    a second, and users, products and recommendations are the database's own where it has them.
    """
    from aclue_pipeline.schema.criteria import CRITERIA
    from aclue_pipeline.schema.site import Site

    with db.psycopg() as pg:
        site = Site(pg)
        return [criterion.finding(site) for criterion in CRITERIA]
