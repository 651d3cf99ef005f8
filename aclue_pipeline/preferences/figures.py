"""A few figures about what is published, for whoever shows it: nothing here computes a profile."""

from typing import Any

from aclue_pipeline.postgres import Database, query


def confidence_bins(db: Database) -> list[dict[str, Any]]:
    """Profiles by confidence (bins 1 to 20 of 0 to 1) and segment (-1: none)."""
    with db.begin() as connection:
        return query(
            connection,
            """select width_bucket(confidence_level, 0, 1.0001, 20) as bin, coalesce(cluster_id, -1) as segment, count(*) as profiles
               from public.user_preferences where confidence_level is not null group by 1, 2 order by 1, 2""",
        )


def is_measured(db: Database) -> bool:
    """Whether the current model version's quality is published already."""
    with db.begin() as connection:
        rows = query(
            connection,
            "select from analytics.preference_quality as q join pipeline.current_taste_model as m on m.version = q.model_version limit 1",
        )
    return bool(rows)
