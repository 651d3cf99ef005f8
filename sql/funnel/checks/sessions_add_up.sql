-- Sessions in = sessions in days + rows in named buckets: every session of the 35 newest computed days, and every one without a date.
-- asset: analytics.session_funnel_daily
-- severity: error
-- remedy: aclue funnel rebuild
with built as (
    select d.day as day, (d.day::timestamp at time zone :timezone) as begins, ((d.day + 1)::timestamp at time zone :timezone) as ends
    from pipeline.days as d
    where d.table_name = 'analytics.session_funnel_daily'
        and d.day > (select max(l.day) from pipeline.days as l where l.table_name = 'analytics.session_funnel_daily') - 35
),
dated as (
    select count(*) as rows
    from built as b
    join public.session_analytics as s on s.started_at >= b.begins and s.started_at < b.ends
),
undated as (
    select count(*) as rows from public.session_analytics as s where s.started_at is null
),
source as (
    select d.rows + u.rows as rows_in, u.rows as no_date from dated as d, undated as u
),
published as (
    select
        coalesce(sum(f.sessions), 0) as in_days,
        coalesce(sum(f.bot_sessions), 0) as bot,
        coalesce(sum(f.orphan_sessions), 0) as orphan
    from analytics.session_funnel_daily as f
    join built as b on b.day = f.day
)
select
    s.rows_in = p.in_days + p.bot + s.no_date as passed,
    format('%s sessions = %s in days + %s with machines'' clicks + %s without a date; besides, %s known only from events', s.rows_in, p.in_days, p.bot, s.no_date, p.orphan) as says,
    s.rows_in as rows_in,
    p.in_days as in_days,
    p.bot as bot,
    s.no_date as no_date,
    p.orphan as orphan
from source as s, published as p
