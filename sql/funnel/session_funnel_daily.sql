-- One row per landing day, device, landing page, campaign source, path and step: how many sessions reached the step, in time order.
-- kind: daily
-- grain: day, device_type, landing_page, utm_source, path, step
-- clock: landing of the session (reporting zone); a session over midnight counts on the day on which it landed
-- reads: session_day
-- owner: team:analytics

-- Made of session_steps, which says what the paths, the steps and the window (setting ACLUE_FUNNEL_WINDOW_DAYS, from landing, the end included) are.
-- A step that no session reached has no row. Rows of a step may be summed over days, devices, pages and sources; never over steps (a session is in each
-- step that it reached) or paths (a session may be on several).
-- Anonymous sessions get beyond the view: they are on the path all, to click and conversion. Only signed_in asks for a swipe, which of anonymous sessions
-- is not known.
-- Rates: sessions of a step by those of the step before, or of step 1, by analytics.rate at the grain you want. Bounds: analytics.funnel, since
-- sessions of one person go alike; it has distinct people, too, and leaves out of its rates what is unfinished.
-- Times: means are seconds by sessions; medians come from analytics.funnel.
-- Counts are to now: a day is complete when its sessions' windows are over, and its later steps are not low before, but unfinished.
-- Machines' sessions and orphans are in no other column than their own.
with reached as (
    select
        s.day as day,
        s.device_type as device_type,
        s.landing_page as landing_page,
        s.utm_source as utm_source,
        s.path as path,
        n.step as step,
        s.is_machine as is_machine,
        s.is_orphan as is_orphan,
        s.any_click as any_click,
        s.any_conversion as any_conversion,
        s.step_1_at as landed_at,
        case n.step when 1 then s.step_1_at when 2 then s.step_2_at when 3 then s.step_3_at when 4 then s.step_4_at else s.step_5_at end as at,
        case n.step when 1 then s.step_1_at when 2 then s.step_1_at when 3 then s.step_2_at when 4 then s.step_3_at else s.step_4_at end as before_at
    from analytics.session_steps as s
    cross join (values (1), (2), (3), (4), (5)) as n (step)
    where s.day >= analytics.local_day(:range_start, :timezone) and s.day < analytics.local_day(:range_end, :timezone)
)
select
    r.day as day, -- Calendar day on which the sessions landed, in the reporting zone.
    r.device_type as device_type, -- mobile, tablet or desktop; '(not set)' where not recorded.
    r.landing_page as landing_page, -- Path of the first page; '(not set)' where not recorded.
    r.utm_source as utm_source, -- Campaign source of the sessions; '(not set)' where none.
    r.path as path, -- all, signed_in or newcomers, as session_steps says.
    r.step as step, -- Number of the step on the path, from 1 (landing).
    case
        when r.step = 1 then 'landing'
        when r.step = 2 then 'view'
        when r.step = 3 then case when r.path = 'signed_in' then 'swipe' else 'click' end
        when r.step = 4 then case r.path when 'all' then 'conversion' when 'signed_in' then 'click' else 'registration' end
        else 'conversion'
    end as step_name, -- landing, view, swipe, click, registration or conversion.
    count(*) filter (where not r.is_machine and not r.is_orphan) as sessions, -- Sessions of people, with a recorded start, that reached the step. Additive
                                                                               -- over all but step and path.
    coalesce(sum(extract(epoch from r.at - r.before_at)) filter (where not r.is_machine and not r.is_orphan), 0)::numeric
        as seconds_from_previous, -- Sum over these sessions of the seconds from the step before; 0 at step 1. Additive over all but step and path.
    coalesce(sum(extract(epoch from r.at - r.landed_at)) filter (where not r.is_machine and not r.is_orphan), 0)::numeric
        as seconds_from_landing, -- Sum over these sessions of the seconds from landing; 0 at step 1. Additive over all but step and path.
    count(*) filter (where r.any_click and not r.is_machine and not r.is_orphan) as any_click, -- Of these sessions, those with a valid click within the
                                                                                             -- window, in whatever order. Additive over all but step and path.
    count(*) filter (where r.any_conversion and not r.is_machine and not r.is_orphan) as any_conversion, -- Of these sessions, those of which a valid click
                                                                                    -- converted within the window, in whatever order. Additive likewise.
    count(*) filter (where r.is_machine) as machine_sessions, -- Sessions with a machine's click that reached the step; not among sessions. Additive likewise.
    count(*) filter (where r.is_orphan and not r.is_machine) as orphan_sessions -- Sessions known from their events only that reached the step; not among
                                                                                -- sessions. Additive likewise.
from reached as r
where r.at is not null
group by r.day, r.device_type, r.landing_page, r.utm_source, r.path, r.step

-- query: the funnel by month: sessions at each step, of the step before and of the first
--   select f.month, f.step, f.step_name, f.sessions,
--       analytics.rate(f.sessions, lag(f.sessions) over w) as of_step_before, analytics.rate(f.sessions, first_value(f.sessions) over w) as of_landing
--   from (
--       select date_trunc('month', r.day)::date as month, r.step, r.step_name, sum(r.sessions) as sessions
--       from analytics.session_funnel_daily as r
--       where r.path = 'all'
--       group by 1, 2, 3
--   ) as f
--   window w as (partition by f.month order by f.step)
--   order by 1, 2
-- query: what share of the sessions of each campaign source opens a product, with bounds
--   select f.cell ->> 'utm_source' as utm_source, f.d as sessions, f.n as viewed, f.rate, f.low, f.high
--   from analytics.funnel(current_date - 120, current_date, array['utm_source']) as f
--   where f.step_name = 'view'
--   order by sessions desc nulls last, utm_source
