-- One row per day, source and position in the list: how often what stood there was shown, and an affiliate click followed.
-- kind: daily
-- grain: day, view_source, view_position
-- clock: view_timestamp of the impression (reporting zone)
-- reads: view_day, impression_day
-- owner: team:analytics
-- headline: impressions, clicked_impressions

-- Machines' impressions stand apart and are in no rate: analytics.rate(clicked_impressions, impressions), the click-through rate (CTR), is of people.
-- Bounds by analytics.wilson_low and wilson_high (Wilson's 95 %) assume independent impressions; those of one person are not, so they are too narrow where few people saw much.
-- Product mix: positions differ in what is shown there, and their CTR with it. comparable_clicks by expected_clicks (over whatever days and sources) is
-- what is left of the difference: 1.2 says that a place was clicked a fifth more often than the same products were on the same days elsewhere.
-- Expected of a product at a place: its impressions there times its CTR of the day at all its other sources and positions together (indirect
-- standardisation, each place left out of its own expectation). What was shown at one place only on its day can be compared with nothing and is in none
-- of the three columns: comparable_impressions by impressions says how much was compared. Who sees a place may still differ from who sees another.
-- The day is a calendar day of the reporting zone (setting ACLUE_TIMEZONE); it moves while clicks follow in its sessions, or views arrive late.
-- What is one impression, and which a click followed, is said in staging.views; here it is found session by session instead of view by view, since there
-- are ten times as many of these.
with shown as (
    select
        v.view_timestamp as at,
        v.product_id as product_id,
        v.session_id as session_id,
        analytics.dimension(v.view_source) as view_source,
        coalesce(v.view_position, 0) as view_position,
        coalesce(bool_or(v.has_clicked_affiliate), false) as is_flagged
    from public.product_views as v
    where v.view_timestamp >= :range_start and v.view_timestamp < :range_end and v.interaction_type = 'impression'
    group by v.view_timestamp, v.product_id, v.session_id, v.user_id, v.view_source, v.view_position
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
clicked as (
    select
        s.session_id as session_id,
        c.product_id as product_id,
        max(c.clicked_at) as last_at
    from sessions as s
    join staging.click_facts as c on c.session_number = s.session_number
    where c.verdict = 'valid'
    group by 1, 2
),
placed as (
    select
        analytics.day_within(:range_start, :range_end, w.at, :timezone) as day,
        w.product_id as product_id,
        w.view_source as view_source,
        w.view_position as view_position,
        count(*) filter (where not s.is_machine) as impressions,
        count(*) filter (where s.is_machine) as machine_impressions,
        count(*) filter (where not s.is_machine and (w.is_flagged or c.last_at >= w.at)) as clicked_impressions
    from shown as w
    join sessions as s on s.session_id = w.session_id
    left join clicked as c on c.session_id = w.session_id and c.product_id = w.product_id
    group by 1, 2, 3, 4
),
beside as (
    select
        p.*,
        sum(p.impressions) over (partition by p.day, p.product_id) - p.impressions as impressions_elsewhere,
        sum(p.clicked_impressions) over (partition by p.day, p.product_id) - p.clicked_impressions as clicked_elsewhere
    from placed as p
)
select
    b.day as day, -- Calendar day of the impression in the reporting zone.
    b.view_source as view_source, -- Where it was shown (swipe, recommendations, search, …); '(not set)' where not recorded.
    b.view_position as view_position, -- Position in the list, from 1 at the top; 0 where not recorded.
    sum(b.impressions)::bigint as impressions, -- Times a product was shown there to people, each once however often it was delivered. Additive.
    sum(b.machine_impressions)::bigint as machine_impressions, -- Times in sessions of machines; not among impressions. Additive.
    sum(b.clicked_impressions)::bigint
        as clicked_impressions, -- Impressions followed by an affiliate click on the product in the same session, to now. Additive.
    sum(case when b.impressions_elsewhere > 0 then b.impressions else 0 end)::bigint
        as comparable_impressions, -- Impressions of products that people were shown at another source or position, too, that day. Additive.
    sum(case when b.impressions_elsewhere > 0 then b.clicked_impressions else 0 end)::bigint
        as comparable_clicks, -- Clicked impressions among the comparable ones. Additive.
    sum(
        case
            when b.impressions_elsewhere > 0 then round(b.impressions * b.clicked_elsewhere / b.impressions_elsewhere, 6)
            else 0
        end
    )::numeric as expected_clicks -- How many of the comparable ones would have been clicked at the products' rates of that day elsewhere, to six
                                  -- decimals a product. Additive.
from beside as b
group by b.day, b.view_source, b.view_position

-- query: best position net of product mix
--   select r.view_source, r.view_position,
--       sum(r.impressions) as impressions,
--       analytics.rate(sum(r.clicked_impressions), sum(r.impressions)) as ctr,
--       analytics.rate(sum(r.comparable_clicks), sum(r.expected_clicks)) as net_of_mix
--   from analytics.ctr_by_position_daily as r
--   group by 1, 2
--   having sum(r.comparable_impressions) >= 50
--   order by net_of_mix desc nulls last, 1, 2
-- query: CTR by source and month, with bounds
--   select date_trunc('month', r.day)::date as month, r.view_source,
--       analytics.rate(sum(r.clicked_impressions), sum(r.impressions)) as ctr,
--       analytics.wilson_low(sum(r.clicked_impressions), sum(r.impressions)) as low,
--       analytics.wilson_high(sum(r.clicked_impressions), sum(r.impressions)) as high,
--       sum(r.machine_impressions) as machine_impressions
--   from analytics.ctr_by_position_daily as r
--   group by 1, 2
--   order by 1, 2
