-- One row per index that a table of the app's own should have: what is read there by time is found by reading the whole table.
-- kind: view
-- grain: object
-- owner: team:data

-- From 100,000 rows on. The tables are not ours, and so are their indexes: whoever owns them decides.
with read_by_time (table_name, column_name, readers) as (
    values
        ('public.recommendations', 'created_at', 'each day of recommendation_performance_daily and by the nightly look for what came late'),
        ('public.swipe_interactions', 'swipe_timestamp', 'the nightly look for what came late')
)
select
    'missing_indexes' as finding,               -- Name of the finding: the file's.
    'warn' as severity,                         -- warn: it takes longer with every row.
    r.table_name || '.' || r.column_name as object, -- Schema, table and column that no index begins with.
    format('no index begins with it, so that all %s rows are read by %s', c.reltuples::bigint, r.readers)::text as detail, -- What was found, as a sentence.
    jsonb_build_object(
        'rows', c.reltuples::bigint,
        'bytes', pg_relation_size(c.oid)
    )::jsonb as evidence,                       -- The numbers behind it: rows as the server estimates them, size in bytes.
    format('create index concurrently on %s (%s)', r.table_name, r.column_name)::text as remedy -- What to do.
from read_by_time as r
join pg_catalog.pg_class as c on c.oid = to_regclass(r.table_name)
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attname = r.column_name
where c.reltuples >= 100000
    and not exists (
        select 1 from pg_catalog.pg_index as x
        where x.indrelid = c.oid and x.indkey[0] = a.attnum and x.indisvalid and x.indpred is null
    )
