-- Every impression that the build of a day saw is in a row of that day, and every product view there is, in a day or in a named bucket; a place is
-- compared by no more impressions than it had.
-- asset: analytics.ctr_by_position_daily
-- severity: error
-- remedy: aclue funnel rebuild; if a day stays different, aclue funnel rebuild --from … --to … over the days named here
with built as (
    select
        d.day as day,
        coalesce((d.figures ->> 'rows')::bigint, 0) as seen,
        coalesce((d.figures ->> 'impressions')::bigint, 0) as impressions,
        coalesce((d.figures ->> 'other_kinds')::bigint, 0) as other_kinds,
        coalesce((d.figures ->> 'repeats')::bigint, 0) as repeats
    from pipeline.days as d
    where d.table_name = 'analytics.ctr_by_position_daily'
),
published as (
    select
        r.day as day,
        sum(r.impressions + r.machine_impressions) as impressions,
        bool_and(
            r.clicked_impressions <= r.impressions and r.comparable_impressions <= r.impressions and r.comparable_clicks <= r.clicked_impressions
            and r.expected_clicks between 0 and r.comparable_impressions
        ) as is_comparable
    from analytics.ctr_by_position_daily as r
    group by r.day
),
source as (
    select analytics.local_day(analytics.usable(v.view_timestamp), :timezone) as day, count(*) as views
    from public.product_views as v
    group by 1
),
counted as (
    select
        coalesce(s.day, b.day, p.day) as day,
        coalesce(s.views, 0) as rows,
        b.impressions is distinct from coalesce(p.impressions, 0)
        or b.seen <> b.impressions + b.other_kinds + b.repeats
        or not p.is_comparable as differs
    from built as b
    full join published as p on p.day = b.day
    full join source as s on s.day = coalesce(b.day, p.day)
)
select
    a.*,
    (
        select to_jsonb(s)
        from (
            select
                sum(b.seen) as seen,
                sum(b.impressions) as impressions,
                sum(b.other_kinds) as other_kinds,
                sum(b.repeats) as repeats
            from built as b
        ) as s
    ) as seen_by_builds
from pipeline.adds_up('analytics.ctr_by_position_daily', 'views', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
