-- Per day: the recommendations that were made, and the reactions to them, as the build itself sees them.
with served as (
    select
        r.id as recommendation_id,
        analytics.day_within(:range_start, :range_end, r.created_at, :timezone) as day,
        r.created_at + :funnel_window_days * interval '24 hours' as closes_at
    from public.recommendations as r
    where r.created_at >= :range_start and r.created_at < :range_end
),
reactions as (
    select
        s.day as day,
        count(*) filter (where b.is_validated is false or b.feedback_value <> 0) as reactions
    from served as s
    join public.recommendation_feedback as b on b.recommendation_id = s.recommendation_id
    where (analytics.usable(b.created_at) <= s.closes_at) is not false and analytics.amount(b.feedback_value) is not null
    group by s.day
)
select
    s.day as day,
    count(*) as served,
    coalesce(max(f.reactions), 0) as reactions
from served as s
left join reactions as f on f.day = s.day
group by s.day
