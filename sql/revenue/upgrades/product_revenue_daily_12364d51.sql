-- Days that release 0.1.0 published and of which the facts have fewer clicks, or the app fewer views, by now (of a product that was deleted before the
-- upgrade): they stay as published. `lost` is how many went, at least.

-- Compared per day and product: clicks of whatever verdict, since a new rule takes no row away; views of whatever session, machines' being among its
-- impressions in 0.1.0. What it did not know is NULL.
with clicks as (
    select analytics.local_day(c.clicked_at, :timezone) as day, coalesce(c.product_id::text, '(not set)') as product_id, count(*) as clicks
    from staging.click_facts as c
    group by 1, 2
),
views as (
    select
        analytics.local_day(analytics.usable(v.view_timestamp), :timezone) as day,
        v.product_id::text as product_id,
        count(*) filter (where v.interaction_type = 'impression') as impressions,
        count(*) filter (where v.interaction_type = 'detail_view') as detail_views
    from public.product_views as v
    group by 1, 2
),
cells as (
    select
        p.day as day,
        p.product_id as product_id,
        sum(p.affiliate_clicks) as clicks,
        sum(p.impressions) as impressions,
        sum(p.detail_views) as detail_views
    from history.product_revenue_daily_12364d51 as p
    group by 1, 2
),
short as (
    select
        p.day as day,
        sum(
            greatest(p.clicks - coalesce(c.clicks, 0), 0)
            + greatest(p.impressions - coalesce(v.impressions, 0), 0)
            + greatest(p.detail_views - coalesce(v.detail_views, 0), 0)
        )::bigint as lost
    from cells as p
    left join clicks as c using (day, product_id)
    left join views as v using (day, product_id)
    group by p.day
)
select
    p.day as day,
    p.currency as currency,
    p.product_id as product_id,
    p.impressions as impressions,
    p.clicked_impressions as clicked_impressions,
    p.detail_views as detail_views,
    p.affiliate_clicks as clicks,
    p.conversions as conversions,
    p.actual_commission as actual_commission,
    s.lost as lost
from history.product_revenue_daily_12364d51 as p
join short as s on s.day = p.day and s.lost > 0
