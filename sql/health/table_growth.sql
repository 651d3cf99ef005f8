-- One row per table that grows fast, the largest first; or one row that says why growth cannot be told yet.
-- kind: view
-- grain: object
-- owner: team:data

-- Fast: at the pace since a measurement that is a week old or older, half as large again within a week, and 16 MB at least.
with before as (
    select distinct on (m.table_name)
        m.table_name as table_name,
        m.total_bytes as bytes,
        m.measured_at as measured_at,
        (extract(epoch from now() - m.measured_at) / 86400)::numeric as days
    from analytics.table_sizes as m
    where m.measured_at <= now() - interval '7 days'
    order by m.table_name, m.measured_at desc
),
grown as (
    select
        b.table_name as table_name,
        n.bytes as bytes,
        b.bytes as bytes_before,
        b.measured_at as measured_at,
        b.days as days,
        (n.bytes - b.bytes) / b.days as bytes_a_day
    from before as b
    cross join lateral (select pg_total_relation_size(to_regclass(b.table_name))::bigint as bytes) as n
    -- Of a table that somebody holds alone, to ask for its size is to wait.
    where not exists (
        select 1 from pg_catalog.pg_locks as l where l.relation = to_regclass(b.table_name) and l.granted and l.mode = 'AccessExclusiveLock'
    )
)
select
    'table_growth' as finding,                  -- Name of the finding: the file's.
    'warn' as severity,                         -- warn: it will hurt; info: nothing to judge yet.
    g.table_name as object,                     -- Schema and name of the table.
    format(
        'grew from %s to %s in %s days; at this pace %s in 30 days',
        pg_size_pretty(g.bytes_before), pg_size_pretty(g.bytes), round(g.days), pg_size_pretty(g.bytes + 30 * g.bytes_a_day)
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object(
        'bytes', g.bytes,
        'bytes_before', g.bytes_before,
        'measured_before_at', g.measured_at,
        'bytes_a_day', round(g.bytes_a_day)
    )::jsonb as evidence,                       -- The numbers behind it: sizes in bytes with indexes.
    'see who writes there, and agree how long rows are kept' as remedy  -- What to do.
from grown as g
where g.bytes_a_day * 7 >= greatest(0.5 * g.bytes_before, 16 * 1024 * 1024)
union all
select
    'table_growth', 'info', 'analytics.table_sizes',
    format('nothing to judge yet: sizes are measured since %s; a week later growth can be told', coalesce(min(m.day)::text, 'never')),
    '{}'::jsonb, 'let the job check_health run every day: it measures'
from analytics.table_sizes as m
having coalesce(min(m.measured_at) > now() - interval '7 days', true)
