"""A few figures about what is published, for whoever shows it: nothing here computes a profile."""

from datetime import datetime
from typing import Any

from aclue_pipeline.derived.statement import is_there
from aclue_pipeline.postgres import Database, query


def confidence_bins(db: Database) -> list[dict[str, Any]]:
    """Profiles by confidence (bins 1 to 20 of 0 to 1) and segment (-1: none)."""
    with db.begin() as connection:
        return query(
            connection,
            """select width_bucket(confidence_level, 0, 1.0001, 20) as bin, coalesce(cluster_id, -1) as segment, count(*) as profiles
               from public.user_preferences where confidence_level is not null group by 1, 2 order by 1, 2""",
        )


def measured(db: Database) -> list[dict[str, Any]]:
    """How good the current version was found to be: a row per group of users and predictor; none where nobody has measured it."""
    with db.begin() as connection:
        return query(
            connection,
            """select q.model_version, q.users_group, q.predictor, q.users, q.judgements, q.log_loss, q.auc, q.calibration_error,
                   q.reliability, q.intercepts
               from analytics.preference_quality as q join pipeline.current_taste_model as m on m.version = q.model_version
               order by q.users_group, q.predictor""",
        )


def waiting_feedback(db: Database) -> tuple[int, datetime | None]:
    """How much feedback no profile has taken in yet, and of when the latest of it is; none before the first profile."""
    with db.psycopg() as pg:
        if not is_there(pg, "pipeline.signals"):
            return 0, None
        ((waiting, latest),) = pg.execute("select count(*), max(at) from pipeline.signals where is_pending").fetchall()
    return waiting, latest
