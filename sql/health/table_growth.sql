-- One row per table that grows fast, or that is swollen by dead rows, the largest first; or one row that says why growth cannot be told yet.
-- kind: view
-- grain: object
-- owner: team:data

-- Fast: at the pace since a measurement that is a week old or older, half as large again within a week, and 16 MB at least.
-- Swollen: 100,000 dead rows at least (fewer are gone with the next autovacuum), and more than a fifth (warn) or as many (error) of the living.
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
sizes as (
    select
        format('%I.%I', s.schemaname, s.relname)::text as table_name,
        pg_total_relation_size(s.relid)::bigint as bytes,
        s.n_live_tup as living,
        s.n_dead_tup as dead
    from pg_catalog.pg_stat_user_tables as s
    where s.schemaname in ('public', 'analytics', 'pipeline')
),
judged as (
    select
        n.table_name as table_name,
        n.bytes as bytes,
        n.living as living,
        n.dead as dead,
        b.bytes as bytes_before,
        b.measured_at as measured_at,
        b.days as days,
        coalesce((n.bytes - b.bytes) / b.days * 7 >= greatest(0.5 * b.bytes, 16 * 1024 * 1024), false) as fast,
        n.dead >= 100000 and n.dead > 0.2 * n.living as swollen
    from sizes as n
    left join before as b on b.table_name = n.table_name
)
select
    'table_growth' as finding,                  -- Name of the finding: the file's.
    case when j.swollen and j.dead >= j.living then 'error' else 'warn' end as severity,    -- error: as many dead rows as living; warn: the rest; info: nothing to judge yet.
    j.table_name as object,                     -- Schema and name of the table.
    concat_ws(
        '; ',
        case when j.fast then format('grew from %s to %s in %s days', pg_size_pretty(j.bytes_before), pg_size_pretty(j.bytes), round(j.days)) end,
        case when j.swollen then format('holds %s dead rows beside %s living', j.dead, j.living) end
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object(
        'bytes', j.bytes,
        'bytes_before', j.bytes_before,
        'measured_before_at', j.measured_at,
        'bytes_a_day', round((j.bytes - j.bytes_before) / j.days),
        'rows', j.living,
        'dead_rows', j.dead
    )::jsonb as evidence,                       -- The numbers behind it: sizes in bytes with indexes, rows as the server estimates them; null without an earlier measurement.
    case
        when j.swollen then format('vacuum (analyze) %s; and see what keeps autovacuum from it (a long transaction?)', j.table_name)
        else 'see who writes there, and agree how long rows are kept'
    end::text as remedy                         -- What to do.
from judged as j
where j.fast or j.swollen
union all
select
    'table_growth', 'info', 'analytics.table_sizes',
    format('nothing to judge yet: sizes are measured since %s; a week later growth can be told', coalesce(min(m.day)::text, 'never')),
    '{}'::jsonb, 'let the job check_health run every day: it measures'
from analytics.table_sizes as m
having coalesce(min(m.measured_at) > now() - interval '7 days', true)
