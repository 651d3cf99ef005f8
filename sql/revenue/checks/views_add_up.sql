-- Every product view that the build of a day saw is in a row of that day or in a named bucket, and every view there is, in a day or in a bucket.
-- asset: analytics.product_revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild; if a day stays different, aclue revenue rebuild --from … --to … over the days named here
with built as (
    select
        d.day as day,
        coalesce((d.figures ->> 'rows')::bigint, 0) as seen,
        coalesce((d.figures ->> 'impressions')::bigint, 0) as impressions,
        coalesce((d.figures ->> 'machine_impressions')::bigint, 0) as machine_impressions,
        coalesce((d.figures ->> 'clicked_impressions')::bigint, 0) as clicked_impressions,
        coalesce((d.figures ->> 'detail_views')::bigint, 0) as detail_views,
        coalesce((d.figures ->> 'other_kinds')::bigint, 0) as other_kinds,
        coalesce((d.figures ->> 'repeats')::bigint, 0) as repeats
    from pipeline.days as d
    where d.table_name = 'analytics.product_revenue_daily'
),
published as (
    select
        r.day as day,
        sum(r.impressions) as impressions,
        sum(r.machine_impressions) as machine_impressions,
        sum(r.clicked_impressions) as clicked_impressions,
        sum(r.detail_views + r.machine_detail_views) as detail_views
    from analytics.product_revenue_daily as r
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
        (b.impressions, b.machine_impressions, b.clicked_impressions, b.detail_views)
        is distinct from (coalesce(p.impressions, 0), coalesce(p.machine_impressions, 0), coalesce(p.clicked_impressions, 0), coalesce(p.detail_views, 0))
        or b.seen <> b.impressions + b.machine_impressions + b.detail_views + b.other_kinds + b.repeats as differs
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
                sum(b.machine_impressions) as machine_impressions,
                sum(b.detail_views) as detail_views,
                sum(b.other_kinds) as other_kinds,
                sum(b.repeats) as repeats
            from built as b
        ) as s
    ) as seen_by_builds
from pipeline.adds_up('analytics.product_revenue_daily', 'views', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
