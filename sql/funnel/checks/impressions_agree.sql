-- Both tables that count impressions, by product and by position, count the same ones on every day that both have computed.
-- asset: analytics.ctr_by_position_daily
-- severity: error
-- remedy: aclue funnel rebuild, then aclue revenue rebuild
with days as (
    select d.day as day
    from pipeline.days as d
    where d.table_name in ('analytics.ctr_by_position_daily', 'analytics.product_revenue_daily')
    group by d.day
    having count(*) = 2
),
positions as (
    select c.day as day, sum(c.impressions) as impressions, sum(c.clicked_impressions) as clicked
    from analytics.ctr_by_position_daily as c
    group by c.day
),
products as (
    select r.day as day, sum(r.impressions) as impressions, sum(r.clicked_impressions) as clicked
    from analytics.product_revenue_daily as r
    group by r.day
),
compared as (
    select
        d.day as day,
        coalesce(c.impressions, 0) as by_position,
        coalesce(r.impressions, 0) as by_product,
        coalesce(c.clicked, 0) - coalesce(r.clicked, 0) as clicked_apart
    from days as d
    left join positions as c on c.day = d.day
    left join products as r on r.day = d.day
),
found as (
    select
        count(*) as days,
        count(*) filter (where c.by_position <> c.by_product or c.clicked_apart <> 0) as days_apart,
        min(c.day) filter (where c.by_position <> c.by_product or c.clicked_apart <> 0) as first_day_apart,
        coalesce(sum(c.by_position), 0) as by_position,
        coalesce(sum(c.by_product), 0) as by_product
    from compared as c
)
select
    f.days_apart = 0 as passed,
    format('%s impressions by position, %s by product, on %s days; %s days differ', f.by_position, f.by_product, f.days, f.days_apart) as says,
    f.by_position as by_position,
    f.by_product as by_product,
    f.days as days,
    f.days_apart as days_apart,
    f.first_day_apart as first_day_apart
from found as f
