-- One row where the database will outgrow what it may take: ACLUE_DATABASE_LIMIT_GB, the disk's or the plan's size.
-- kind: view
-- grain: object
-- owner: team:data

-- The forecast: for each table a straight line through its sizes of the last 30 days, a week's span at least; the sum of their slopes. Reached in 60 days or nine tenths full: warn; in 14 days or full: error. Where no limit is set there is nothing to reach.
with allowed as (
    select
        nullif(pipeline.setting('database_limit_gb'), 'None')::numeric * 1073741824 as bytes,
        analytics.local_day(now(), pipeline.setting('timezone')) as today
),
slopes as (
    select
        regr_slope(m.total_bytes::double precision, (m.day - date '2000-01-01')::double precision)::numeric as bytes_a_day,
        count(*) as days
    from analytics.table_sizes as m
    cross join allowed as a
    where m.day > a.today - 31
    group by m.table_name
    having max(m.day) - min(m.day) >= 7
),
trend as (
    select sum(s.bytes_a_day) as bytes_a_day, coalesce(max(s.days), 0) as days
    from slopes as s
),
forecast as (
    select
        n.bytes as bytes,
        a.bytes as limit_bytes,
        a.today as today,
        t.bytes_a_day as bytes_a_day,
        t.days as days_measured,
        case when n.bytes >= a.bytes then 0 when t.bytes_a_day > 0 then ceil((a.bytes - n.bytes) / t.bytes_a_day) end as days_left
    from allowed as a
    cross join trend as t
    cross join lateral (select pg_database_size(current_database())::numeric as bytes) as n
    where a.bytes is not null
)
select
    'database_growth' as finding,               -- Name of the finding: the file's.
    case when f.days_left <= 14 then 'error' else 'warn' end as severity,   -- error: act now; warn: it will hurt.
    current_database()::text as object,         -- The database.
    format(
        '%s of %s are taken%s',
        pg_size_pretty(f.bytes), pg_size_pretty(f.limit_bytes),
        case
            when f.days_left = 0 then ''
            when f.days_left is null then ', and no growth is measured'
            else format('; at %s a day the rest lasts for %s days, until %s', pg_size_pretty(f.bytes_a_day), f.days_left, f.today + least(f.days_left, 100000)::int)
        end
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object(
        'bytes', f.bytes,
        'limit_bytes', f.limit_bytes,
        'bytes_a_day', round(f.bytes_a_day),
        'days_left', f.days_left,
        'days_measured', f.days_measured
    )::jsonb as evidence,                       -- The numbers behind it: sizes in bytes, days.
    'aclue health table_growth bloat unused_indexes # where room can be made; else a larger disk or plan, and ACLUE_DATABASE_LIMIT_GB with it' as remedy     -- What to do.
from forecast as f
where f.bytes >= 0.9 * f.limit_bytes or f.days_left <= 60
