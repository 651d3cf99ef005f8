-- In time order nobody reaches a step without the one before it: no step holds more sessions than the step before, and none is left out.
-- asset: analytics.session_funnel_daily
-- severity: error
-- remedy: look at the rows named here and at sql/funnel/session_steps.sql: its steps are no longer in order
with steps as (
    select
        f.day as day,
        f.device_type as device_type,
        f.landing_page as landing_page,
        f.utm_source as utm_source,
        f.path as path,
        f.step as step,
        f.sessions as sessions,
        f.machine_sessions as machine_sessions,
        f.orphan_sessions as orphan_sessions,
        lag(f.step) over cell as step_before,
        lag(f.sessions) over cell as sessions_before,
        lag(f.machine_sessions) over cell as machine_sessions_before,
        lag(f.orphan_sessions) over cell as orphan_sessions_before
    from analytics.session_funnel_daily as f
    window cell as (partition by f.day, f.device_type, f.landing_page, f.utm_source, f.path order by f.step)
),
growing as (
    select s.day as day, s.device_type as device_type, s.landing_page as landing_page, s.utm_source as utm_source, s.path as path, s.step as step
    from steps as s
    where s.step <> coalesce(s.step_before, 0) + 1
        or s.sessions > s.sessions_before
        or s.machine_sessions > s.machine_sessions_before
        or s.orphan_sessions > s.orphan_sessions_before
)
select
    not exists (select 1 from growing) as passed,
    (select count(*) from growing) || ' rows have a step that grows' as says,
    (
        select coalesce(jsonb_agg(to_jsonb(g) order by g.day), '[]')
        from (select w.* from growing as w order by w.day, w.device_type, w.landing_page, w.utm_source, w.path, w.step limit 20) as g
    ) as growing
