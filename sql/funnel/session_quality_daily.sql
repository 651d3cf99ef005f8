-- One row per landing day, device and landing page: how sessions went, by their events, and how often the app's own flags say something else.
-- kind: daily
-- grain: day, device_type, landing_page
-- clock: landing of the session (reporting zone); a session over midnight counts on the day on which it landed
-- reads: session_day
-- owner: team:analytics
-- headline: sessions, bounces

-- Sessions are those of session_steps, which says when they land and which are machines' or orphans: these two stand apart and are in no other column.
-- Views and swipes of a session are those of its first 24 hours; clicks, sales and registrations as session_steps has them.
-- Bounce: a session with a view, of one product's page at most, and nothing done: no click, save, share or wish, no swipe, no registration, no affiliate
-- click. Of a session without any view its events cannot tell, so the rate is of viewing_sessions: analytics.rate(bounces, viewing_sessions).
-- Depth: different products of which the page was opened. Means are sums by sessions, medians and percentiles are read from the counts by size.
-- Engaged: the seconds that the client measured, else from start to end as recorded; a session of which neither is known, or that lasted more than a day,
-- counts as sessions_of_unknown_length and in none of the lengths.
-- Flags: the app keeps counters and flags of its own in public.session_analytics; events decide. A flag that is NULL says nothing and disagrees with nothing.
--   viewed       products_viewed above 0, against any view.
--   swiped       total_swipes above 0, against any swipe.
--   clicked      affiliate_clicks above 0, against a valid click (any_click of session_steps).
--   registered   has_registered, against a recorded time of registering.
--   converted    has_converted, against a sale (any_conversion of session_steps); NULL counts as no.
--   bounced      is_bounce, against the rule above, of viewing sessions.
-- A row moves while its sessions' windows are open, and later where views, swipes or the app's counters are corrected. Swipes of visitors without account
-- belong to no session.
-- Sessions are taken from the facts, of whose days the server knows the number: of session_steps it may take a day just built for an empty one.
with landed as (
    select
        analytics.day_within(:range_start, :range_end, f.landed_at, :timezone) as day,
        f.session_number as session_number,
        f.identity_number as identity_number,
        f.landed_at as landed_at,
        f.landed_at + interval '24 hours' as seen_until,
        f.landed_at + :funnel_window_days * interval '24 hours' as closes_at,
        f.device_type as device_type,
        f.landing_page as landing_page,
        f.is_signed_in as is_signed_in,
        f.is_machine as is_machine,
        f.is_orphan as is_orphan,
        not f.is_machine and not f.is_orphan as is_counted,
        f.registered_at as registered_at,
        f.engaged_seconds as engaged_seconds,
        f.app_products_viewed > 0 as says_viewed,
        f.app_swipes > 0 as says_swiped,
        f.app_clicks > 0 as says_clicked,
        f.app_registered as says_registered,
        f.has_registration_time as is_registered,
        f.has_converted as says_converted,
        f.app_bounced as says_bounced
    from staging.session_facts as f
    where f.landed_at >= :range_start and f.landed_at < :range_end
),
acted as (
    select
        l.session_number as session_number,
        bool_or(c.clicked_at >= l.landed_at and c.clicked_at <= l.closes_at) as any_click,
        bool_or(c.counted_as_converted and c.counted_converted_at >= l.landed_at and c.counted_converted_at <= l.closes_at) as any_conversion
    from landed as l
    join staging.click_facts as c on c.session_number = l.session_number
    where c.verdict = 'valid'
    group by l.session_number
),
-- The names of a day's sessions are a tenth of its views: found first, they are hashed once each.
names as materialized (
    select
        s.session_id as session_id,
        l.session_number as session_number,
        l.landed_at as landed_at,
        l.seen_until as seen_until
    from (
        select distinct v.session_id as session_id
        from public.product_views as v
        where v.view_timestamp >= :range_start and v.view_timestamp <= :range_end + interval '24 hours'
    ) as s
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(s.session_id)
    join landed as l on l.session_number = n.session_number
    where l.is_counted
),
-- Apart from what else was done: different products are told apart among a tenth of the views. Seen until when says how far to read: by an upper bound of
-- its own the server would ask the index by time once for each session.
opened as (
    select
        l.session_number as session_number,
        count(distinct v.product_id) as products
    from public.product_views as v
    join names as l on l.session_id = v.session_id
    where v.view_timestamp >= :range_start and v.view_timestamp >= l.landed_at and v.view_timestamp <= l.seen_until
        and v.interaction_type = 'detail_view'
    group by 1
),
looked as (
    select
        l.session_number as session_number,
        bool_or(
            v.interaction_type in ('click', 'add_to_wishlist', 'share', 'save') or v.has_clicked_affiliate or v.has_shared or v.has_saved
        ) as is_acted_on
    from public.product_views as v
    join names as l on l.session_id = v.session_id
    where v.view_timestamp >= :range_start and v.view_timestamp >= l.landed_at and v.view_timestamp <= l.seen_until
    group by 1
),
signed_in as (
    select
        l.session_number as session_number,
        l.seen_until as seen_until,
        l.landed_at as landed_at,
        case when p.identity like 'u:%' then substr(p.identity, 3)::uuid end as user_id
    from landed as l
    join pipeline.person_numbers as p on p.identity_number = l.identity_number
    where l.is_signed_in and l.is_counted
),
-- Named as a list, the users are looked up by index before what was delivered twice is told apart.
swiped as (
    select
        i.session_number as session_number,
        count(*) as swipes
    from signed_in as i
    join staging.swipes as w on w.user_id = i.user_id and w.session_number = i.session_number
    where w.user_id = any(array(select u.user_id from signed_in as u))
        and w.at >= :range_start and w.at <= :range_end + interval '24 hours' and w.at >= i.landed_at and w.at <= i.seen_until
    group by 1
),
told as (
    select
        l.*,
        k.session_number is not null as is_viewing,
        coalesce(o.products, 0) as products,
        coalesce(w.swipes, 0) as swipes,
        coalesce(a.any_click, false) as any_click,
        coalesce(a.any_conversion, false) as any_conversion,
        k.session_number is not null and coalesce(o.products, 0) <= 1 and k.is_acted_on is not true and w.session_number is null
        and a.any_click is not true and l.registered_at is null as is_bounce
    from landed as l
    left join looked as k on k.session_number = l.session_number
    left join opened as o on o.session_number = l.session_number
    left join swiped as w on w.session_number = l.session_number
    left join acted as a on a.session_number = l.session_number
)
select
    t.day as day, -- Calendar day on which the sessions landed, in the reporting zone.
    t.device_type as device_type, -- mobile, tablet or desktop; '(not set)' where not recorded.
    t.landing_page as landing_page, -- Path of the first page; '(not set)' where not recorded.
    count(*) filter (where t.is_counted) as sessions, -- Sessions of people, with a recorded start. Additive.
    count(*) filter (where t.is_machine) as machine_sessions, -- Sessions with a machine's click; not among sessions. Additive.
    count(*) filter (where t.is_orphan and not t.is_machine) as orphan_sessions, -- Sessions known from their events only; not among sessions. Additive.
    count(*) filter (where t.is_counted and t.is_viewing) as viewing_sessions, -- Sessions with a view of any kind, impressions included. Additive.
    count(*) filter (where t.is_counted and t.is_bounce) as bounces, -- Viewing sessions that were bounces by the rule above. Additive.
    coalesce(sum(t.products) filter (where t.is_counted), 0)::bigint as products_opened, -- Sum over sessions of the different products opened. Additive.
    count(*) filter (where t.is_counted and t.products = 0) as opened_none, -- Sessions that opened no product's page. Additive.
    count(*) filter (where t.is_counted and t.products = 1) as opened_1, -- Sessions that opened one product's page. Additive.
    count(*) filter (where t.is_counted and t.products between 2 and 4) as opened_2_to_4, -- Sessions that opened 2 to 4 products' pages. Additive.
    count(*) filter (where t.is_counted and t.products between 5 and 9) as opened_5_to_9, -- Sessions that opened 5 to 9 products' pages. Additive.
    count(*) filter (where t.is_counted and t.products >= 10) as opened_10_or_more, -- Sessions that opened 10 products' pages or more. Additive.
    count(*) filter (where t.is_counted and t.swipes > 0) as swiping_sessions, -- Sessions with a swipe of their user. Additive.
    coalesce(sum(t.swipes) filter (where t.is_counted), 0)::bigint as swipes, -- Swipes made in the sessions. Additive.
    count(*) filter (where t.is_counted and t.engaged_seconds is null) as sessions_of_unknown_length, -- Sessions of which no length is known, or more than
                                                                                                     -- a day. Additive.
    coalesce(sum(t.engaged_seconds) filter (where t.is_counted), 0)::numeric as engaged_seconds, -- Sum over the other sessions of their seconds. Additive.
    count(*) filter (where t.is_counted and t.engaged_seconds < 10) as lasted_under_10_s, -- Sessions that lasted less than 10 seconds. Additive.
    count(*) filter (where t.is_counted and t.engaged_seconds >= 10 and t.engaged_seconds < 60) as lasted_under_1_min, -- 10 seconds or more, less than a
                                                                                                                      -- minute. Additive.
    count(*) filter (where t.is_counted and t.engaged_seconds >= 60 and t.engaged_seconds < 300) as lasted_under_5_min, -- A minute or more, less than
                                                                                                                       -- five. Additive.
    count(*) filter (where t.is_counted and t.engaged_seconds >= 300 and t.engaged_seconds < 1800) as lasted_under_30_min, -- Five minutes or more, less
                                                                                                                          -- than 30. Additive.
    count(*) filter (where t.is_counted and t.engaged_seconds >= 1800) as lasted_30_min_or_more, -- Half an hour or more, up to a day. Additive.
    count(*) filter (where t.is_counted and t.says_viewed and not t.is_viewing) as viewed_by_flag_only, -- Sessions that the app says viewed a product and
                                                                                                       -- events do not. Additive.
    count(*) filter (where t.is_counted and not t.says_viewed and t.is_viewing) as viewed_by_events_only, -- The other way round. Additive.
    count(*) filter (where t.is_counted and t.says_swiped and t.swipes = 0) as swiped_by_flag_only, -- Sessions that the app says swiped and events do
                                                                                                   -- not. Additive.
    count(*) filter (where t.is_counted and not t.says_swiped and t.swipes > 0) as swiped_by_events_only, -- The other way round. Additive.
    count(*) filter (where t.is_counted and t.says_clicked and not t.any_click) as clicked_by_flag_only, -- Sessions that the app says left for a shop and
                                                                                                        -- no valid click does. Additive.
    count(*) filter (where t.is_counted and not t.says_clicked and t.any_click) as clicked_by_events_only, -- The other way round. Additive.
    count(*) filter (where t.is_counted and t.says_registered and not t.is_registered) as registered_by_flag_only, -- Sessions flagged as registered
                                                                                                                  -- without a time of it. Additive.
    count(*) filter (where t.is_counted and not t.says_registered and t.is_registered) as registered_by_time_only, -- The other way round. Additive.
    count(*) filter (where t.is_counted and t.says_converted and not t.any_conversion) as converted_by_flag_only, -- Sessions that the app says converted
                                                                                                                 -- and no sale does. Additive.
    count(*) filter (where t.is_counted and not t.says_converted and t.any_conversion) as converted_by_events_only, -- The other way round. Additive.
    count(*) filter (where t.is_counted and t.says_bounced and t.is_viewing and not t.is_bounce) as bounced_by_flag_only, -- Viewing sessions that the app
                                                                                                    -- says were bounces and events do not. Additive.
    count(*) filter (where t.is_counted and not t.says_bounced and t.is_bounce) as bounced_by_events_only -- The other way round. Additive.
from told as t
group by t.day, t.device_type, t.landing_page

-- query: bounce rate by landing page, with bounds
--   select r.landing_page,
--       sum(r.sessions) as sessions,
--       analytics.rate(sum(r.bounces), sum(r.viewing_sessions)) as bounce_rate,
--       analytics.wilson_low(sum(r.bounces), sum(r.viewing_sessions)) as low,
--       analytics.wilson_high(sum(r.bounces), sum(r.viewing_sessions)) as high
--   from analytics.session_quality_daily as r
--   group by 1
--   order by sessions desc, 1
-- query: in what share of a month's sessions the app's flags and their events disagree
--   select date_trunc('month', r.day)::date as month,
--       analytics.rate(sum(r.viewed_by_flag_only + r.viewed_by_events_only), sum(r.sessions)) as viewed,
--       analytics.rate(sum(r.swiped_by_flag_only + r.swiped_by_events_only), sum(r.sessions)) as swiped,
--       analytics.rate(sum(r.clicked_by_flag_only + r.clicked_by_events_only), sum(r.sessions)) as clicked,
--       analytics.rate(sum(r.converted_by_flag_only + r.converted_by_events_only), sum(r.sessions)) as converted
--   from analytics.session_quality_daily as r
--   group by 1
--   order by 1
-- query: how long sessions last, by device: mean seconds, and the share of those of half an hour or more
--   select r.device_type,
--       round(sum(r.engaged_seconds) / nullif(sum(r.sessions - r.sessions_of_unknown_length), 0), 1) as mean_seconds,
--       analytics.rate(sum(r.lasted_30_min_or_more), sum(r.sessions - r.sessions_of_unknown_length)) as half_an_hour
--   from analytics.session_quality_daily as r
--   group by 1
--   order by 1
