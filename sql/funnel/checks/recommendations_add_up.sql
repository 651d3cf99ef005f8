-- Every recommendation that the build of a day saw is in a row of that day with its reactions, none got further than before it, and every one there is,
-- is in a day or in a named bucket.
-- asset: analytics.recommendation_performance_daily
-- severity: error
-- remedy: aclue funnel rebuild # if a day stays different, aclue funnel rebuild --from … --to … over the days named here
with built as (
    select
        d.day as day,
        coalesce((d.figures ->> 'served')::bigint, 0) as served,
        coalesce((d.figures ->> 'reactions')::bigint, 0) as reactions
    from pipeline.days as d
    where d.table_name = 'analytics.recommendation_performance_daily'
),
published as (
    select
        r.day as day,
        sum(r.served) as served,
        sum(r.positive_reactions + r.negative_reactions + r.implausible_reactions) as reactions,
        bool_and(
            r.shown + r.shown_to_machines <= r.served and r.opened <= r.shown and r.clicked <= r.shown and r.converted <= r.clicked
            and r.judged <= r.served and r.liked <= r.judged and r.confidence_of_judged <= r.confidence and r.confidence <= r.served
        ) as is_whole
    from analytics.recommendation_performance_daily as r
    group by r.day
),
source as (
    select analytics.local_day(analytics.usable(r.created_at), :timezone) as day, count(*) as recommendations
    from public.recommendations as r
    group by 1
),
counted as (
    select
        coalesce(s.day, b.day, p.day) as day,
        coalesce(s.recommendations, 0) as rows,
        (b.served, b.reactions) is distinct from (coalesce(p.served, 0), coalesce(p.reactions, 0)) or not p.is_whole as differs
    from built as b
    full join published as p on p.day = b.day
    full join source as s on s.day = coalesce(b.day, p.day)
)
select a.*
from pipeline.adds_up(
    'analytics.recommendation_performance_daily', 'recommendations', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone
) as a
