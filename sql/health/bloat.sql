-- One row per table or index that takes far more room than its rows need; or one row that says which the server's statistics hide from this role.
-- kind: view
-- grain: object
-- owner: team:data

-- Far more: 32 MB at least, and more than half of it. An estimate: rows as the planner counts them, times the average width of their columns
-- (pg_stats), with the headers, the fill factor and, for a B-tree, the tenth that it leaves free; NULLs and alignment make it rough. Without what is stored
-- outside the rows. Tables that nobody analysed are left out.
with tables as (
    select
        c.oid as oid,
        format('%I.%I', n.nspname, c.relname) as name,
        c.relpages::numeric * 8192 as bytes,
        c.reltuples::numeric as rows,
        coalesce((select o.option_value::numeric from pg_catalog.pg_options_to_table(c.reloptions) as o where o.option_name = 'fillfactor'), 100) / 100 as fill,
        w.bytes as width,
        w.unseen as unseen
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join lateral (
        select
            sum((1 - coalesce(s.null_frac, 0)) * coalesce(s.avg_width, 0))::numeric as bytes,
            bool_and(s.attname is null) as unseen
        from pg_catalog.pg_attribute as a
        left join pg_catalog.pg_stats as s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and not s.inherited
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ) as w
    where c.relkind in ('r', 'm')
        and c.reltuples >= 0
        and c.relpages >= 4096
        and n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline')
),
indexes as (
    select
        format('%I.%I', n.nspname, i.relname) as name,
        format('%I.%I', n.nspname, t.relname) as table_name,
        i.relpages::numeric * 8192 as bytes,
        i.reltuples::numeric as rows,
        k.bytes as width,
        k.unseen as unseen
    from pg_catalog.pg_index as x
    join pg_catalog.pg_class as i on i.oid = x.indexrelid
    join pg_catalog.pg_class as t on t.oid = x.indrelid
    join pg_catalog.pg_am as m on m.oid = i.relam and m.amname = 'btree'
    join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
    cross join lateral (
        select sum(coalesce(s.avg_width, 8))::numeric as bytes, bool_and(s.attname is null) as unseen
        from unnest(string_to_array(x.indkey::text, ' ')::smallint[]) as o (attnum)
        left join pg_catalog.pg_attribute as a on a.attrelid = t.oid and a.attnum = o.attnum
        left join pg_catalog.pg_stats as s on s.schemaname = n.nspname and s.tablename = t.relname and s.attname = a.attname and not s.inherited
    ) as k
    where x.indisvalid
        and x.indexprs is null
        and i.reltuples >= 0
        and i.relpages >= 4096
        and n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline')
),
judged as (
    select
        t.name as name,
        t.name as table_name,
        t.bytes as bytes,
        t.rows * (28 + ceil(t.width / 8) * 8) / t.fill as needed,
        t.unseen as unseen,
        format('vacuum (full, analyze) %s -- at a quiet time: nobody reads or writes it meanwhile; pg_repack does it under way', t.name) as remedy
    from tables as t
    union all
    select i.name, i.table_name, i.bytes, i.rows * (12 + ceil(i.width / 8) * 8) / 0.9, i.unseen, format('reindex index concurrently %s', i.name)
    from indexes as i
)
select
    'bloat' as finding,                         -- Name of the finding: the file's.
    'warn' as severity,                         -- warn: it will hurt; 'not judged': cannot be told.
    j.name::text as object,                     -- Schema and name of the table or index.
    format('takes %s, and its rows need some %s', pg_size_pretty(j.bytes), pg_size_pretty(round(j.needed)))::text as detail,    -- What was found, as a sentence.
    jsonb_build_object('bytes', j.bytes, 'needed_bytes', round(j.needed))::jsonb as evidence,   -- The numbers behind it: bytes, of which the needed ones are estimated.
    j.remedy::text as remedy                    -- What to do.
from judged as j
where not j.unseen and j.bytes - j.needed >= 32 * 1024 * 1024 and j.bytes > 2 * j.needed
union all
select
    'bloat', 'not judged', 'pg_stats', format('this role does not see the statistics of %s large tables and indexes', count(*)), '{}'::jsonb,
    format('grant select on %s to %I', string_agg(distinct j.table_name, ', '), current_user)
from judged as j
where j.unseen
having count(*) > 0
