-- Of people, of machines, and followed by a click, a day's impressions are those that product_revenue_daily tells of the same views; every view there is,
-- is in a day or in a named bucket; a place is compared by no more impressions than it had.
-- asset: analytics.ctr_by_position_daily
-- severity: error
-- remedy: aclue funnel rebuild # if a day stays different, aclue funnel rebuild --from … --to … over the days named here

-- Where product_revenue_daily was not built of the same views, or waits for a rebuild, only bounds can be told: no more impressions than deliveries, and
-- some where there are any.
with told as (
    select
        d.day as day,
        (d.figures ->> 'digest')::numeric as digest,
        coalesce(sum(r.impressions), 0) as impressions,
        coalesce(sum(r.clicked_impressions), 0) as clicked_impressions,
        coalesce(sum(r.machine_impressions), 0) as machine_impressions
    from pipeline.days as d
    left join analytics.product_revenue_daily as r on r.day = d.day
    where d.table_name = 'analytics.product_revenue_daily'
        and not exists (select 1 from pipeline.dirty as x where x.table_name = d.table_name and x.day = d.day)
    group by d.day, d.figures
),
built as (
    select
        d.day as day,
        coalesce((d.figures ->> 'rows')::bigint, 0) as seen,
        coalesce((d.figures ->> 'deliveries')::bigint, 0) as deliveries,
        (d.figures ->> 'digest')::numeric as digest
    from pipeline.days as d
    where d.table_name = 'analytics.ctr_by_position_daily'
),
published as (
    select
        r.day as day,
        sum(r.impressions) as impressions,
        sum(r.clicked_impressions) as clicked_impressions,
        sum(r.machine_impressions) as machine_impressions,
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
        coalesce(p.impressions + p.machine_impressions, 0) not between sign(b.deliveries) and b.deliveries
        or (t.impressions, t.clicked_impressions, t.machine_impressions)
        <> (coalesce(p.impressions, 0), coalesce(p.clicked_impressions, 0), coalesce(p.machine_impressions, 0))
        or not p.is_comparable as differs
    from built as b
    full join published as p on p.day = b.day
    full join source as s on s.day = coalesce(b.day, p.day)
    left join told as t on t.day = b.day and t.digest = b.digest
)
select
    a.*,
    (
        select to_jsonb(s)
        from (
            select
                sum(b.seen) as seen,
                sum(b.deliveries) as deliveries,
                count(t.day) as days_compared
            from built as b
            left join told as t on t.day = b.day and t.digest = b.digest
        ) as s
    ) as seen_by_builds
from pipeline.adds_up('analytics.ctr_by_position_daily', 'views', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
