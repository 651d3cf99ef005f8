-- One row per day, currency and product: how often it was shown and clicked, and what its clicks of that day brought, to now.
-- kind: daily
-- grain: day, currency, product_id
-- clock: view_timestamp of impressions and views, click_timestamp of clicks (reporting zone)
-- owner: team:finance
-- headline: impressions, affiliate_clicks, conversions

-- Clicks are grouped by verdict, then chosen by CASE: any condition on it reaches the rows, where the planner takes it for true of one in 200.
-- Bounds are Wilson's for 95 % (z = 1.959964): (n + z²/2 ± z √(n (d − n) / d + z²/4)) / (d + z²).
with seen as (
    select
        (v.view_timestamp at time zone :timezone)::date as day,
        v.product_id as product_id,
        count(*) filter (where v.interaction_type = 'impression') as impressions,
        count(*) filter (where v.interaction_type = 'impression' and v.has_clicked_affiliate) as clicked_impressions,
        count(*) filter (where v.interaction_type = 'detail_view') as detail_views
    from staging.views as v
    where v.view_timestamp >= :range_start and v.view_timestamp < :range_end
        and v.interaction_type in ('impression', 'detail_view')
    group by 1, 2
),
clicked as (
    select
        (c.click_timestamp at time zone :timezone)::date as day,
        c.currency as currency,
        c.product_id as product_id,
        c.verdict as verdict,
        count(*) as affiliate_clicks,
        count(*) filter (where c.is_converted) as conversions,
        sum(c.actual_commission) as actual_commission
    from staging.clicks as c
    where c.click_timestamp >= :range_start and c.click_timestamp < :range_end
    group by 1, 2, 3, 4
),
together as (
    select
        s.day as day,
        coalesce(p.currency, '(not set)') as currency,
        s.product_id as product_id,
        s.impressions as impressions,
        s.clicked_impressions as clicked_impressions,
        s.detail_views as detail_views,
        0::bigint as affiliate_clicks,
        0::bigint as conversions,
        null::numeric as actual_commission
    from seen as s
    left join staging.products as p on p.product_id = s.product_id
    union all
    select
        c.day as day,
        c.currency as currency,
        c.product_id as product_id,
        0::bigint as impressions,
        0::bigint as clicked_impressions,
        0::bigint as detail_views,
        case when c.verdict = 'valid' then c.affiliate_clicks else 0 end as affiliate_clicks,
        case when c.verdict = 'valid' then c.conversions else 0 end as conversions,
        case when c.verdict = 'valid' then c.actual_commission end as actual_commission
    from clicked as c
),
counted as (
    select
        t.day as day,
        t.currency as currency,
        coalesce(t.product_id::text, '(not set)') as product_id,
        sum(t.impressions)::bigint as impressions,
        sum(t.clicked_impressions)::bigint as clicked_impressions,
        sum(t.detail_views)::bigint as detail_views,
        sum(t.affiliate_clicks)::bigint as affiliate_clicks,
        sum(t.conversions)::bigint as conversions,
        sum(t.actual_commission) as reported_commission,
        1.959964 as z
    from together as t
    group by 1, 2, 3
)
select
    c.day as day, -- Calendar day of the impressions, views and clicks in the reporting zone.
    c.currency as currency, -- Currency of all amounts of the row (the product's, ISO 4217); '(not set)' where it has none.
    c.product_id as product_id, -- The product's id; '(not set)' for clicks on links that belong to no product.
    c.impressions as impressions, -- Times it was shown in a list.
    c.clicked_impressions as clicked_impressions, -- Impressions followed by an affiliate click on the product in the same session.
    round(c.clicked_impressions::numeric / nullif(c.impressions, 0), 6)::numeric as ctr, -- clicked_impressions / impressions, to now; NULL where it was not shown.
    round(
        (c.clicked_impressions + c.z * c.z / 2 - c.z * sqrt(c.clicked_impressions::numeric * (c.impressions - c.clicked_impressions) / nullif(c.impressions, 0) + c.z * c.z / 4))
        / (c.impressions + c.z * c.z), 6
    )::numeric as ctr_low, -- Lower 95 % bound of ctr; NULL where it was not shown.
    round(
        (c.clicked_impressions + c.z * c.z / 2 + c.z * sqrt(c.clicked_impressions::numeric * (c.impressions - c.clicked_impressions) / nullif(c.impressions, 0) + c.z * c.z / 4))
        / (c.impressions + c.z * c.z), 6
    )::numeric as ctr_high, -- Upper 95 % bound of ctr; NULL where it was not shown.
    c.detail_views as detail_views, -- Times its page was opened.
    c.affiliate_clicks as affiliate_clicks, -- Valid clicks on its affiliate link, neither a machine's nor repeated.
    c.conversions as conversions, -- Those of the affiliate clicks for which a sale has been reported, to now.
    coalesce(c.reported_commission, case when c.conversions = 0 then 0 end) as actual_commission -- Sum reported for them, in currency, to now;
                                                    -- 0 where nothing converted, NULL where something did and no amount has been reported.
from counted as c
where c.impressions + c.detail_views + c.affiliate_clicks > 0
