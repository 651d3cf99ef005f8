-- One row per session and path: when the session reached which step of the path, in order.
-- kind: daily
-- grain: day, session_number, path
-- clock: landing of the session (reporting zone): its start, or its first event within five minutes before; a session over midnight counts on that day
-- reads: session_day
-- owner: team:analytics

-- Paths, each of its own steps, a step being the first such event at the same time as the step before or later:
--   all         landing, view, click, conversion: every session, anonymous ones included.
--   signed_in   landing, view, swipe, click, conversion: sessions in which a user was signed in; only their swipes are known to belong to a session.
--   newcomers   landing, view, click, registration, conversion: sessions in which nobody was signed in when they landed.
-- view is the opening of a product's page (impressions are none), click a valid affiliate click of the session, conversion the sale of any valid click of
-- it, registration that of its visitor. A swipe before the view does not count, nor a click before the swipe: any_click and any_conversion say whether the
-- session clicked and bought at all, in whatever order.
-- Window: all steps lie within as many days from landing as ACLUE_FUNNEL_WINDOW_DAYS says (30 unless set), the end included, in elapsed seconds (24 hours
-- a day, also when the clocks change). The steps are different events, so that taking the earliest each time leads deepest, whatever the order of events at the same
-- instant: ClickHouse's windowFunnel(…, 'strict_once').
-- Sessions of machines and sessions known from their events only (orphans; no landing was recorded) are here too, marked: leave them out of rates.
-- A row moves until the session's window is over, and later where a sale or a correction is reported late. There is no session's name and no person in it.
with landed as (
    select
        analytics.day_within(:range_start, :range_end, f.landed_at, :timezone) as day,
        f.session_number as session_number,
        f.identity_number as identity_number,
        f.landed_at as landed_at,
        f.landed_at + :funnel_window_days * interval '24 hours' as closes_at,
        f.device_type as device_type,
        f.landing_page as landing_page,
        f.utm_source as utm_source,
        f.utm_medium as utm_medium,
        f.utm_campaign as utm_campaign,
        f.is_signed_in as is_signed_in,
        f.is_newcomer as is_newcomer,
        f.registered_at as registered_at,
        f.is_first_visit as is_first_visit,
        f.is_machine as is_machine,
        f.is_orphan as is_orphan
    from staging.session_facts as f
    where f.landed_at >= :range_start and f.landed_at < :range_end
),
viewed as (
    select
        l.session_number as session_number,
        min(v.view_timestamp) as at
    from public.product_views as v
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(v.session_id)
    join landed as l on l.session_number = n.session_number
    where v.interaction_type = 'detail_view'
        and v.view_timestamp >= :range_start and v.view_timestamp <= :range_end + :funnel_window_days * interval '24 hours'
        and v.view_timestamp >= l.landed_at and v.view_timestamp <= l.closes_at
    group by l.session_number
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
signed_in as (
    select
        l.session_number as session_number,
        l.closes_at as closes_at,
        v.at as viewed_at,
        case when p.identity like 'u:%' then substr(p.identity, 3)::uuid end as user_id
    from landed as l
    join viewed as v on v.session_number = l.session_number
    join pipeline.person_numbers as p on p.identity_number = l.identity_number
    where l.is_signed_in
),
-- Named as a list, the users are looked up by index before what was delivered twice is told apart.
swiped as (
    select
        i.session_number as session_number,
        min(w.at) as at
    from signed_in as i
    join staging.swipes as w on w.user_id = i.user_id and w.session_number = i.session_number
    where w.user_id = any(array(select u.user_id from signed_in as u)) and w.at >= i.viewed_at and w.at <= i.closes_at
    group by i.session_number
),
tracks as (
    select
        l.session_number as session_number,
        p.path as path,
        l.closes_at as closes_at,
        l.registered_at as registered_at,
        case when p.path = 'signed_in' then s.at else v.at end as clicks_from
    from landed as l
    join (values ('all'), ('signed_in'), ('newcomers')) as p (path)
        on case p.path when 'all' then true when 'signed_in' then l.is_signed_in else l.is_newcomer end
    join viewed as v on v.session_number = l.session_number
    left join swiped as s on s.session_number = l.session_number
),
clicked as (
    select
        t.session_number as session_number,
        t.path as path,
        min(c.clicked_at) as clicked_at,
        min(t.closes_at) as closes_at,
        min(t.registered_at) as registered_at
    from tracks as t
    join staging.click_facts as c on c.session_number = t.session_number
    where c.verdict = 'valid' and c.clicked_at >= t.clicks_from and c.clicked_at <= t.closes_at
    group by 1, 2
),
sold_from as (
    select
        k.*,
        case
            when k.path <> 'newcomers' then k.clicked_at
            when k.registered_at >= k.clicked_at and k.registered_at <= k.closes_at then k.registered_at
        end as at
    from clicked as k
),
converted as (
    select
        k.session_number as session_number,
        k.path as path,
        min(c.counted_converted_at) as at
    from sold_from as k
    join staging.click_facts as c on c.session_number = k.session_number
    where c.verdict = 'valid' and c.counted_as_converted and c.counted_converted_at >= k.at and c.counted_converted_at <= k.closes_at
    group by 1, 2
),
paths as (
    select
        l.*,
        p.path as path
    from landed as l
    join (values ('all'), ('signed_in'), ('newcomers')) as p (path)
        on case p.path when 'all' then true when 'signed_in' then l.is_signed_in else l.is_newcomer end
)
select
    l.day as day, -- Calendar day on which the session landed, in the reporting zone.
    l.session_number as session_number, -- The session's number, given once; it says nothing about whose it was.
    l.path as path, -- all, signed_in or newcomers, as above; a session has a row for each path that it is on.
    l.device_type as device_type, -- mobile, tablet or desktop; '(not set)' where not recorded.
    l.landing_page as landing_page, -- Path of the first page; '(not set)' where not recorded.
    l.utm_source as utm_source, -- Campaign source of the session; '(not set)' where none.
    l.utm_medium as utm_medium, -- Campaign medium of the session; '(not set)' where none.
    l.utm_campaign as utm_campaign, -- Campaign of the session; '(not set)' where none.
    l.is_first_visit as is_first_visit, -- Whether its person has no session that landed earlier.
    l.is_machine as is_machine, -- Whether one of its clicks was a machine's.
    l.is_orphan as is_orphan, -- Whether it is known from its events only, its landing being the first of them.
    l.landed_at as step_1_at, -- Landing.
    v.at as step_2_at, -- View; NULL: not reached.
    case when l.path = 'signed_in' then s.at else k.clicked_at end as step_3_at, -- Click, on signed_in the swipe; NULL: not reached.
    case l.path when 'all' then c.at when 'signed_in' then k.clicked_at else k.at end
        as step_4_at, -- Conversion, on signed_in the click, on newcomers the registration; NULL: not reached.
    case when l.path <> 'all' then c.at end as step_5_at, -- Conversion; NULL: not reached, or on path all, which has four steps.
    coalesce(a.any_click, false) as any_click, -- Whether the session had a valid click within the window, in whatever order.
    coalesce(a.any_conversion, false) as any_conversion -- Whether one of its valid clicks converted within the window, in whatever order.
from paths as l
left join viewed as v on v.session_number = l.session_number
left join swiped as s on s.session_number = l.session_number
left join sold_from as k on k.session_number = l.session_number and k.path = l.path
left join converted as c on c.session_number = l.session_number and c.path = l.path
left join acted as a on a.session_number = l.session_number

-- query: how long sessions take to their first click, by device
--   select s.device_type, count(*) as sessions, count(s.step_3_at) as clicked,
--       percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.step_3_at - s.step_1_at)) as median_and_p90_seconds
--   from analytics.session_steps as s
--   where s.path = 'all' and not s.is_machine and not s.is_orphan
--   group by 1
--   order by 1
-- query: how many sessions buy without having opened a product first
--   select date_trunc('month', s.day)::date as month, count(*) filter (where s.any_conversion) as bought,
--       count(*) filter (where s.any_conversion and s.step_4_at is null) as not_in_order
--   from analytics.session_steps as s
--   where s.path = 'all' and not s.is_machine and not s.is_orphan
--   group by 1
--   order by 1
