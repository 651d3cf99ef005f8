-- One row per session day, device, landing page and campaign source: how many of its sessions went how far, in time order.
-- kind: daily
-- grain: day, device_type, landing_page, utm_source
-- clock: started_at of the session (reporting zone); a session over midnight counts on the day it began
-- owner: team:analytics
-- headline: sessions, viewed, swiped, clicked, converted

-- Landing → product page opened → swipe → valid affiliate click → conversion of a valid click of the session.
-- Each step is the first such event at the same time as the step before it or later; all within :funnel_window_days from landing, the end
-- included, counted in elapsed seconds (24 hours a day, also when the clocks change). The steps are different events, so that taking the
-- earliest each time leads deepest, whatever the order of events at the same instant: ClickHouse's windowFunnel(…, 'strict_once').
-- Sessions with a machine's click, and orphans (no landing was recorded), are counted apart and take no step.
-- Times are compared in FILTER: in WHERE they would tempt the planner to read a month of a time index for every session.
-- Rates are to now. Bounds are Wilson's for 95 % (z = 1.959964): (n + z²/2 ± z √(n (d − n) / d + z²/4)) / (d + z²).
with landed as (
    select
        (s.started_at at time zone :timezone)::date as day,
        s.device_type as device_type,
        s.landing_page as landing_page,
        s.utm_source as utm_source,
        s.session_id as session_id,
        s.user_id as user_id,
        case when not s.is_orphan and not s.is_bot then s.started_at end as landed_at,
        s.started_at + :funnel_window_days * interval '24 hours' as closes_at,
        s.active_until as active_until,
        s.is_orphan as is_orphan
    from staging.sessions as s
    where s.started_at >= :range_start and s.started_at < :range_end
),
stepped as (
    select
        l.day as day,
        l.device_type as device_type,
        l.landing_page as landing_page,
        l.utm_source as utm_source,
        l.is_orphan as is_orphan,
        l.landed_at as landed_at,
        viewed.at as viewed_at,
        swiped.at as swiped_at,
        clicked.at as clicked_at,
        converted.at as converted_at
    from landed as l
    left join lateral (
        select min(v.view_timestamp) filter (where v.view_timestamp >= l.landed_at and v.view_timestamp <= l.closes_at) as at
        from staging.views as v
        where v.session_id = l.session_id and v.interaction_type = 'detail_view' and l.landed_at is not null
    ) as viewed on true
    left join lateral (
        select min(w.at) as at
        from staging.swipes as w
        where w.user_id = l.user_id and w.browser_session_id = l.session_id
            and w.at >= viewed.at and w.at <= least(l.active_until, l.closes_at)
    ) as swiped on true
    left join lateral (
        select min(c.click_timestamp) filter (
            where c.click_timestamp >= swiped.at and c.click_timestamp <= l.closes_at and c.verdict = 'valid'
        ) as at
        from staging.clicks as c
        where c.session_id = l.session_id and swiped.at is not null
    ) as clicked on true
    left join lateral (
        select min(c.conversion_timestamp) filter (
            where c.conversion_timestamp >= clicked.at and c.conversion_timestamp <= l.closes_at
                and c.is_converted and c.verdict = 'valid'
        ) as at
        from staging.clicks as c
        where c.session_id = l.session_id and clicked.at is not null
    ) as converted on true
),
counted as (
    select
        s.day as day,
        s.device_type as device_type,
        s.landing_page as landing_page,
        s.utm_source as utm_source,
        count(s.landed_at) as sessions,
        count(s.viewed_at) as viewed,
        count(s.swiped_at) as swiped,
        count(s.clicked_at) as clicked,
        count(s.converted_at) as converted,
        percentile_cont(0.5) within group (order by extract(epoch from s.viewed_at - s.landed_at))::numeric as seconds_to_view,
        percentile_cont(0.5) within group (order by extract(epoch from s.swiped_at - s.viewed_at))::numeric as seconds_to_swipe,
        percentile_cont(0.5) within group (order by extract(epoch from s.clicked_at - s.swiped_at))::numeric as seconds_to_click,
        percentile_cont(0.5) within group (order by extract(epoch from s.converted_at - s.clicked_at))::numeric as seconds_to_conversion,
        count(*) filter (where s.is_orphan) as orphan_sessions,
        count(*) filter (where s.landed_at is null and not s.is_orphan) as bot_sessions,
        1.959964 as z
    from stepped as s
    group by s.day, s.device_type, s.landing_page, s.utm_source
)
select
    c.day as day, -- Calendar day on which the session began, in the reporting zone.
    c.device_type as device_type, -- mobile, tablet or desktop; '(not set)' where not recorded.
    c.landing_page as landing_page, -- First page of the session; '(not set)' where not recorded.
    c.utm_source as utm_source, -- Campaign source of the session; '(not set)' where none.
    c.sessions as sessions, -- Sessions that landed (step 1); what the overall rates divide by.
    c.viewed as viewed, -- Of these, sessions that then opened a product's page (step 2).
    c.swiped as swiped, -- Of these, sessions in which the user then swiped (step 3); anonymous swipes match no session.
    c.clicked as clicked, -- Of these, sessions with a valid affiliate click then (step 4).
    c.converted as converted, -- Of these, sessions with a conversion then, by the end of the window (step 5).
    round(c.viewed::numeric / nullif(c.sessions, 0), 6)::numeric as view_rate, -- viewed / sessions (step and overall rate), to now; NULL where no session landed.
    round(
        (c.viewed + c.z * c.z / 2 - c.z * sqrt(c.viewed::numeric * (c.sessions - c.viewed) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as view_rate_low, -- Lower 95 % bound of view_rate; NULL where no session landed.
    round(
        (c.viewed + c.z * c.z / 2 + c.z * sqrt(c.viewed::numeric * (c.sessions - c.viewed) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as view_rate_high, -- Upper 95 % bound of view_rate; NULL where no session landed.
    round(c.swiped::numeric / nullif(c.viewed, 0), 6)::numeric as swipe_step_rate, -- swiped / viewed, to now; NULL where none opened a page.
    round(
        (c.swiped + c.z * c.z / 2 - c.z * sqrt(c.swiped::numeric * (c.viewed - c.swiped) / nullif(c.viewed, 0) + c.z * c.z / 4))
        / (c.viewed + c.z * c.z), 6
    )::numeric as swipe_step_rate_low, -- Lower 95 % bound of swipe_step_rate; NULL where none opened a page.
    round(
        (c.swiped + c.z * c.z / 2 + c.z * sqrt(c.swiped::numeric * (c.viewed - c.swiped) / nullif(c.viewed, 0) + c.z * c.z / 4))
        / (c.viewed + c.z * c.z), 6
    )::numeric as swipe_step_rate_high, -- Upper 95 % bound of swipe_step_rate; NULL where none opened a page.
    round(c.swiped::numeric / nullif(c.sessions, 0), 6)::numeric as swipe_overall_rate, -- swiped / sessions, to now; NULL where no session landed.
    round(
        (c.swiped + c.z * c.z / 2 - c.z * sqrt(c.swiped::numeric * (c.sessions - c.swiped) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as swipe_overall_rate_low, -- Lower 95 % bound of swipe_overall_rate; NULL where no session landed.
    round(
        (c.swiped + c.z * c.z / 2 + c.z * sqrt(c.swiped::numeric * (c.sessions - c.swiped) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as swipe_overall_rate_high, -- Upper 95 % bound of swipe_overall_rate; NULL where no session landed.
    round(c.clicked::numeric / nullif(c.swiped, 0), 6)::numeric as click_step_rate, -- clicked / swiped, to now; NULL where none swiped.
    round(
        (c.clicked + c.z * c.z / 2 - c.z * sqrt(c.clicked::numeric * (c.swiped - c.clicked) / nullif(c.swiped, 0) + c.z * c.z / 4))
        / (c.swiped + c.z * c.z), 6
    )::numeric as click_step_rate_low, -- Lower 95 % bound of click_step_rate; NULL where none swiped.
    round(
        (c.clicked + c.z * c.z / 2 + c.z * sqrt(c.clicked::numeric * (c.swiped - c.clicked) / nullif(c.swiped, 0) + c.z * c.z / 4))
        / (c.swiped + c.z * c.z), 6
    )::numeric as click_step_rate_high, -- Upper 95 % bound of click_step_rate; NULL where none swiped.
    round(c.clicked::numeric / nullif(c.sessions, 0), 6)::numeric as click_overall_rate, -- clicked / sessions, to now; NULL where no session landed.
    round(
        (c.clicked + c.z * c.z / 2 - c.z * sqrt(c.clicked::numeric * (c.sessions - c.clicked) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as click_overall_rate_low, -- Lower 95 % bound of click_overall_rate; NULL where no session landed.
    round(
        (c.clicked + c.z * c.z / 2 + c.z * sqrt(c.clicked::numeric * (c.sessions - c.clicked) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as click_overall_rate_high, -- Upper 95 % bound of click_overall_rate; NULL where no session landed.
    round(c.converted::numeric / nullif(c.clicked, 0), 6)::numeric as conversion_step_rate, -- converted / clicked, to now; NULL where none clicked.
    round(
        (c.converted + c.z * c.z / 2 - c.z * sqrt(c.converted::numeric * (c.clicked - c.converted) / nullif(c.clicked, 0) + c.z * c.z / 4))
        / (c.clicked + c.z * c.z), 6
    )::numeric as conversion_step_rate_low, -- Lower 95 % bound of conversion_step_rate; NULL where none clicked.
    round(
        (c.converted + c.z * c.z / 2 + c.z * sqrt(c.converted::numeric * (c.clicked - c.converted) / nullif(c.clicked, 0) + c.z * c.z / 4))
        / (c.clicked + c.z * c.z), 6
    )::numeric as conversion_step_rate_high, -- Upper 95 % bound of conversion_step_rate; NULL where none clicked.
    round(c.converted::numeric / nullif(c.sessions, 0), 6)::numeric as conversion_overall_rate, -- converted / sessions, to now; NULL where no session landed.
    round(
        (c.converted + c.z * c.z / 2 - c.z * sqrt(c.converted::numeric * (c.sessions - c.converted) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as conversion_overall_rate_low, -- Lower 95 % bound of conversion_overall_rate; NULL where no session landed.
    round(
        (c.converted + c.z * c.z / 2 + c.z * sqrt(c.converted::numeric * (c.sessions - c.converted) / nullif(c.sessions, 0) + c.z * c.z / 4))
        / (c.sessions + c.z * c.z), 6
    )::numeric as conversion_overall_rate_high, -- Upper 95 % bound of conversion_overall_rate; NULL where no session landed.
    round(c.seconds_to_view, 3)::numeric as median_seconds_to_view, -- Median seconds from landing to opening a product's page; NULL where viewed is 0.
    round(c.seconds_to_swipe, 3)::numeric as median_seconds_to_swipe, -- Median seconds from opening a page to swiping; NULL where swiped is 0.
    round(c.seconds_to_click, 3)::numeric as median_seconds_to_click, -- Median seconds from swiping to clicking; NULL where clicked is 0.
    round(c.seconds_to_conversion, 3)::numeric as median_seconds_to_conversion, -- Median seconds from clicking to converting; NULL where converted is 0.
    c.orphan_sessions as orphan_sessions, -- Sessions known only from their events, counted nowhere else.
    c.bot_sessions as bot_sessions -- Sessions with a machine's click, counted nowhere else.
from counted as c
