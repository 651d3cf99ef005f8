-- One row per foreign key of a large table that no index serves: whenever a referenced row goes or changes its key, the whole table is read.
-- kind: view
-- grain: object
-- owner: team:data

-- Large: 100,000 rows. Served: the first columns of a valid index are those of the key, in whatever order; the index may leave out the
-- rows that refer to nothing.
select
    'missing_indexes' as finding,                -- Name of the finding: the file's.
    'warn' as severity,                         -- warn: it takes longer with every row.
    format('%I.%I.%I', n.nspname, t.relname, f.conname)::text as object,    -- Schema, table and name of the foreign key.
    format(
        'no index begins with %s, so that all %s rows are read whenever a row of %s goes', k.columns, t.reltuples::bigint, f.confrelid::regclass
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object('rows', t.reltuples::bigint, 'columns', k.columns, 'references', f.confrelid::regclass::text)::jsonb as evidence,    -- The numbers behind it: rows as the server estimates them.
    format('create index concurrently on %I.%I (%s)', n.nspname, t.relname, k.columns)::text as remedy  -- What to do.
from pg_catalog.pg_constraint as f
join pg_catalog.pg_class as t on t.oid = f.conrelid
join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
cross join lateral (
    select string_agg(format('%I', a.attname), ', ' order by o.nth) as columns
    from unnest(f.conkey) with ordinality as o (attnum, nth)
    join pg_catalog.pg_attribute as a on a.attrelid = f.conrelid and a.attnum = o.attnum
) as k
where f.contype = 'f'
    and t.reltuples >= 100000
    and n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline')
    and not exists (
        select 1
        from pg_catalog.pg_index as x
        where x.indrelid = f.conrelid
            and x.indisvalid
            and (x.indpred is null or pg_get_expr(x.indpred, x.indrelid) = format('(%s IS NOT NULL)', k.columns))
            and (string_to_array(x.indkey::text, ' ')::smallint[])[1:cardinality(f.conkey)] @> f.conkey
    )
