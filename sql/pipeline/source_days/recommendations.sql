-- Days of recommendations in a range: they and the reactions to them, and a digest of ids and of all that is counted by.
with made as (
    select r.*
    from public.recommendations as r
    where r.created_at >= :range_start and r.created_at < :range_end
)
select
    analytics.local_day(e.created_at, :timezone) as day,
    count(*) as rows,
    sum(e.digest) as digest
from (
    select
        m.created_at as created_at,
        uuid_hash_extended(
            m.id,
            coalesce(hashtext(m.algorithm_version), 0)::bigint + 3 * coalesce(m.rank_position, 0)::bigint
            + 5 * coalesce(hashtext(m.confidence_score::text), 0)::bigint + 7 * coalesce(m.is_clicked, false)::int
            + 11 * coalesce(m.is_purchased, false)::int
        ) as digest
    from made as m
    union all
    select
        m.created_at as created_at,
        uuid_hash_extended(
            f.id,
            coalesce(hashtext(f.feedback_value::text), 0)::bigint + 3 * (f.is_validated is false)::int
        ) as digest
    from made as m
    join public.recommendation_feedback as f on f.recommendation_id = m.id
) as e
group by 1
