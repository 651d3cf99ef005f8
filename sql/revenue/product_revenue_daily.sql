-- One row per day, currency and product: how often it was shown, opened and clicked, and what its clicks of that day brought, to now.
-- kind: daily
-- grain: day, currency, product_id
-- clock: view_timestamp of impressions and opened pages, click_timestamp of clicks (reporting zone)
-- reads: click_day, view_day, impression_day
-- owner: team:finance
-- headline: impressions, clicks, conversions

-- Each event counts on its own day: an impression before midnight whose click came after is on the first day, the click on the second. So do not divide
-- clicks by impressions of a day; clicked_impressions are impressions of the day that a click followed, whenever.
-- Machines' impressions stand apart and are in no rate: analytics.rate(clicked_impressions, impressions) is of people. Clicks are valid clicks alone,
-- with what was reported for their repeats (both as in revenue_daily, whose valid_clicks, conversions and actual_commission these add up to, by day).
-- A product's impressions stand under the currency that it had when it was first seen (staging.product_facts), clicks under the click's.
-- What is one view, and which a click followed, is said in staging.views; here it is found session by session instead of view by view, since there are ten
-- times as many of these.
with shown as (
    select
        v.view_timestamp as at,
        v.product_id as product_id,
        v.session_id as session_id,
        v.interaction_type = 'impression' as is_impression,
        coalesce(bool_or(v.has_clicked_affiliate), false) as is_flagged
    from public.product_views as v
    where v.view_timestamp >= :range_start and v.view_timestamp < :range_end and v.interaction_type in ('impression', 'detail_view')
    group by v.view_timestamp, v.product_id, v.session_id, v.user_id, v.interaction_type, v.view_source, v.view_position
),
sessions as materialized (
    select
        s.session_id as session_id,
        n.session_number as session_number,
        coalesce(f.is_machine, false) as is_machine
    from (select distinct w.session_id as session_id from shown as w) as s
    left join pipeline.session_numbers as n on n.session_key = analytics.session_key(s.session_id)
    left join staging.session_facts as f on f.session_number = n.session_number
),
followed as (
    select
        s.session_id as session_id,
        c.product_id as product_id,
        max(c.clicked_at) as last_at
    from sessions as s
    join staging.click_facts as c on c.session_number = s.session_number
    where c.verdict = 'valid'
    group by 1, 2
),
seen as (
    select
        analytics.day_within(:range_start, :range_end, w.at, :timezone) as day,
        w.product_id as product_id,
        count(*) filter (where w.is_impression and not s.is_machine) as impressions,
        count(*) filter (where w.is_impression and not s.is_machine and (w.is_flagged or f.last_at >= w.at)) as clicked_impressions,
        count(*) filter (where w.is_impression and s.is_machine) as machine_impressions,
        count(*) filter (where not w.is_impression and not s.is_machine) as detail_views,
        count(*) filter (where not w.is_impression and s.is_machine) as machine_detail_views
    from shown as w
    join sessions as s on s.session_id = w.session_id
    left join followed as f on f.session_id = w.session_id and f.product_id = w.product_id
    group by 1, 2
),
clicked as (
    select
        analytics.day_within(:range_start, :range_end, c.clicked_at, :timezone) as day,
        c.currency as currency,
        c.product_id as product_id,
        count(*) as clicks,
        count(*) filter (where c.counted_as_converted) as conversions,
        count(*) filter (where c.counted_as_converted and c.counted_commission is null) as conversions_without_amount,
        sum(c.counted_commission) as actual_commission
    from staging.click_facts as c
    where c.clicked_at >= :range_start and c.clicked_at < :range_end and c.verdict = 'valid'
    group by 1, 2, 3
),
together as (
    select
        s.day as day,
        coalesce(p.currency, '(not set)') as currency,
        s.product_id as product_id,
        s.impressions as impressions,
        s.clicked_impressions as clicked_impressions,
        s.machine_impressions as machine_impressions,
        s.detail_views as detail_views,
        s.machine_detail_views as machine_detail_views,
        0::bigint as clicks,
        0::bigint as conversions,
        0::bigint as conversions_without_amount,
        null::numeric as actual_commission
    from seen as s
    left join staging.product_facts as p on p.product_id = s.product_id
    union all
    select
        c.day as day,
        c.currency as currency,
        c.product_id as product_id,
        0::bigint as impressions,
        0::bigint as clicked_impressions,
        0::bigint as machine_impressions,
        0::bigint as detail_views,
        0::bigint as machine_detail_views,
        c.clicks as clicks,
        c.conversions as conversions,
        c.conversions_without_amount as conversions_without_amount,
        c.actual_commission as actual_commission
    from clicked as c
)
select
    t.day as day, -- Calendar day of the impressions, opened pages and clicks in the reporting zone.
    t.currency as currency, -- Currency of all amounts of the row (ISO 4217), as first seen; '(not set)' where there was none.
    coalesce(t.product_id::text, '(not set)') as product_id, -- The product's id; '(not set)' for clicks on links that belong to no product.
    sum(t.impressions)::bigint as impressions, -- Times it was shown in a list to people, each once however often it was delivered. Additive.
    sum(t.clicked_impressions)::bigint as clicked_impressions, -- Impressions followed by an affiliate click on the product in the same session, on
                                                               -- whatever day. Additive.
    sum(t.machine_impressions)::bigint as machine_impressions, -- Times it was shown in sessions of machines; not among impressions. Additive.
    sum(t.detail_views)::bigint as detail_views, -- Times people opened its page. Additive.
    sum(t.machine_detail_views)::bigint as machine_detail_views, -- Times its page was opened in sessions of machines. Additive.
    sum(t.clicks)::bigint as clicks, -- Valid clicks on its affiliate link, neither a machine's nor repeats. Additive.
    sum(t.conversions)::bigint as conversions, -- Those of the clicks for which a sale has been reported, to now. Additive.
    sum(t.conversions_without_amount)::bigint as conversions_without_amount, -- Those of the conversions for which no amount has been reported yet. Additive.
    coalesce(sum(t.actual_commission), case when sum(t.conversions) = 0 then 0 end) as actual_commission -- Sum reported for the clicks and their
                                                    -- repeats, in currency, to now; 0 where nothing converted, NULL where something did and no amount
                                                    -- has been reported. Additive within a currency.
from together as t
group by 1, 2, 3

-- query: the products that earn most, by month
--   select date_trunc('month', r.day)::date as month, r.currency, r.product_id, sum(r.clicks) as clicks, sum(r.actual_commission) as commission
--   from analytics.product_revenue_daily as r
--   group by 1, 2, 3
--   order by commission desc nulls last, 1, 2, 3
-- query: which products are shown often and clicked seldom
--   select r.product_id, sum(r.impressions) as impressions, analytics.rate(sum(r.clicked_impressions), sum(r.impressions)) as ctr,
--       analytics.wilson_high(sum(r.clicked_impressions), sum(r.impressions)) as at_most
--   from analytics.product_revenue_daily as r
--   group by 1
--   having sum(r.impressions) >= 100
--   order by at_most, 1
