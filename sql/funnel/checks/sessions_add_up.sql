-- Every session there is or ever was landed on one published day or is in one named bucket, machines' and orphans included.
-- asset: analytics.session_funnel_daily
-- severity: error
-- remedy: aclue funnel rebuild # if a day stays different, aclue funnel rebuild --from … --to … over the days named here
with facts as (
    select analytics.local_day(f.landed_at, :timezone) as day, count(*) as sessions
    from staging.session_facts as f
    group by 1
),
published as (
    select r.day as day, sum(r.sessions + r.machine_sessions + r.orphan_sessions) as sessions
    from analytics.session_funnel_daily as r
    where r.path = 'all' and r.step = 1
    group by r.day
),
counted as (
    select
        coalesce(f.day, p.day) as day,
        coalesce(f.sessions, 0) as rows,
        coalesce(f.sessions, 0) <> coalesce(p.sessions, 0) as differs
    from facts as f
    full join published as p on p.day = f.day
)
select
    a.*,
    (select count(*) from staging.session_facts as c where c.gone_at is not null) as gone_from_the_app,
    (
        select count(*)
        from public.session_analytics as c
        where not exists (select 1 from pipeline.session_numbers as n where n.session_key = analytics.session_key(c.session_id))
    ) as not_synced
from pipeline.adds_up('analytics.session_funnel_daily', 'sessions', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
