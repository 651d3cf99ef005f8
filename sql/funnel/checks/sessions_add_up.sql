-- Every session there is or ever was landed on one published day or is in one named bucket, machines' and orphans included.
-- asset: analytics.session_funnel_daily
-- severity: error
-- remedy: aclue funnel rebuild; if a day stays different, aclue funnel rebuild --from … --to … over the days named here
with built as (
    select
        d.day as day,
        exists (select 1 from pipeline.dirty as x where x.table_name = d.table_name and x.day = d.day) as is_waiting
    from pipeline.days as d
    where d.table_name = 'analytics.session_funnel_daily'
),
facts as (
    select
        analytics.local_day(f.landed_at, :timezone) as day,
        count(*) as sessions
    from staging.session_facts as f
    group by 1
),
published as (
    select
        r.day as day,
        sum(r.sessions + r.machine_sessions + r.orphan_sessions) as sessions
    from analytics.session_funnel_daily as r
    where r.path = 'all' and r.step = 1
    group by r.day
),
placed as (
    select
        coalesce(f.day, p.day) as day,
        case
            when coalesce(f.day, p.day) is null then 'no_date'
            when b.is_waiting then 'waiting'
            when b.day is not null then 'in_days'
            when coalesce(f.day, p.day) < :first_day then 'before_first_day'
            when coalesce(f.day, p.day) >= analytics.local_day(now(), :timezone) then 'not_over'
            else 'never_built'
        end as bucket,
        coalesce(f.sessions, 0) as sessions,
        coalesce(p.sessions, 0) as published
    from facts as f
    full join published as p on p.day = f.day
    left join built as b on b.day = coalesce(f.day, p.day)
),
summed as (
    select
        coalesce(sum(p.sessions), 0) as rows_in,
        coalesce(sum(p.published) filter (where p.bucket = 'in_days'), 0) as in_days,
        coalesce(sum(p.sessions) filter (where p.bucket = 'no_date'), 0) as no_date,
        coalesce(sum(p.sessions) filter (where p.bucket = 'before_first_day'), 0) as before_first_day,
        coalesce(sum(p.sessions) filter (where p.bucket = 'waiting'), 0) as waiting,
        coalesce(sum(p.sessions) filter (where p.bucket = 'not_over'), 0) as not_over,
        coalesce(sum(p.sessions) filter (where p.bucket = 'never_built'), 0) as never_built,
        count(*) filter (where p.bucket = 'in_days' and p.sessions <> p.published) as days_that_differ
    from placed as p
)
select
    s.days_that_differ = 0 and not exists (select 1 from placed as p where p.bucket = 'never_built') as passed,
    format(
        '%s sessions = %s in days + %s without a date + %s before the first day + %s of days waiting for a rebuild + %s of days not over + %s of days never built; %s days differ',
        s.rows_in, s.in_days, s.no_date, s.before_first_day, s.waiting, s.not_over, s.never_built, s.days_that_differ
    ) as says,
    s.rows_in as rows_in,
    s.in_days as in_days,
    s.no_date as no_date,
    s.before_first_day as before_first_day,
    s.waiting as waiting,
    s.not_over as not_over,
    s.never_built as never_built,
    (select count(*) from staging.session_facts as c where c.gone_at is not null) as of_these_gone,
    (
        select count(*)
        from public.session_analytics as c
        where not exists (select 1 from pipeline.session_numbers as n where n.session_key = analytics.key(c.session_id))
    ) as not_synced,
    s.days_that_differ as days_that_differ,
    (
        select coalesce(jsonb_agg(d.day order by d.day), '[]')
        from (
            select p.day as day
            from placed as p
            where p.bucket = 'never_built' or p.bucket = 'in_days' and p.sessions <> p.published
            order by p.day
            limit 40
        ) as d
    ) as days
from summed as s
