-- In time order nobody reaches a step without the one before it: no step holds more sessions than the step before.
-- asset: analytics.session_funnel_daily
-- severity: error
-- remedy: look at the rows named here and at sql/funnel/session_funnel_daily.sql: its steps are no longer in order
with growing as (
    select f.day as day, f.device_type as device_type, f.landing_page as landing_page, f.utm_source as utm_source
    from analytics.session_funnel_daily as f
    where not (f.sessions >= f.viewed and f.viewed >= f.swiped and f.swiped >= f.clicked and f.clicked >= f.converted)
)
select
    not exists (select from growing) as passed,
    (select count(*) from growing) || ' rows have a step that grows' as says,
    (
        select coalesce(jsonb_agg(to_jsonb(g) order by g.day), '[]')
        from (select * from growing order by day, device_type, landing_page, utm_source limit 20) as g
    ) as growing
