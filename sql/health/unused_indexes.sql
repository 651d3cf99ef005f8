-- One row per index that costs space and every write without helping any query: it is invalid, or nobody ever read it.
-- kind: view
-- grain: object
-- owner: team:data

-- Unused: not read once since the statistics began although its table was read a hundred times, and 8 MB or larger. Left out are
-- those that hold a constraint, and those that serve a foreign key: they are read when a referenced row goes, perhaps once a year.
select
    'unused_indexes' as finding,                -- Name of the finding: the file's.
    case when x.indisvalid then 'info' else 'error' end as severity,    -- error: invalid; info: valid and never read.
    format('%I.%I', n.nspname, i.relname)::text as object,              -- Schema and name of the index.
    case
        when not x.indisvalid then format('invalid: building it on %I.%I did not end well, no query uses it', n.nspname, t.relname)
        else format(
            'never read since %s, while %I.%I was read %s times; it takes %s%s',
            coalesce(to_char(d.stats_reset at time zone 'UTC', 'YYYY-MM-DD'), 'the statistics began'), n.nspname, t.relname,
            r.reads, pg_size_pretty(i.relpages::bigint * 8192), '. Its comment: ' || obj_description(i.oid, 'pg_class')
        )
    end::text as detail,                        -- What was found, as a sentence.
    jsonb_build_object(
        'table', format('%I.%I', n.nspname, t.relname),
        'valid', x.indisvalid,
        'scans', coalesce(u.idx_scan, 0),
        'reads_of_table', r.reads,
        'bytes', i.relpages::bigint * 8192,
        'definition', pg_get_indexdef(i.oid)
    )::jsonb as evidence,                       -- The numbers behind it: size in bytes, reads since the statistics began.
    case
        when not x.indisvalid then format('drop index concurrently %I.%I -- then build it again: aclue deploy, if it is one of ours', n.nspname, i.relname)
        when obj_description(i.oid, 'pg_class') is null then format('drop index concurrently %I.%I -- if it stays so through a whole month', n.nspname, i.relname)
        else format('drop index concurrently %I.%I -- if it stays so through a whole month; take it out of its script first', n.nspname, i.relname)
    end::text as remedy                         -- What to do.
from pg_catalog.pg_index as x
join pg_catalog.pg_class as i on i.oid = x.indexrelid
join pg_catalog.pg_class as t on t.oid = x.indrelid
join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
left join pg_catalog.pg_stat_user_indexes as u on u.indexrelid = x.indexrelid
left join pg_catalog.pg_stat_database as d on d.datname = current_database()
left join lateral (
    select coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0) as reads
    from pg_catalog.pg_stat_user_tables as s
    where s.relid = x.indrelid
) as r on true
where n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline')
    and (
        not x.indisvalid
        or (
            coalesce(u.idx_scan, 0) = 0
            and r.reads >= 100
            and i.relpages::bigint * 8192 >= 8 * 1024 * 1024
            and not x.indisunique
            and not x.indisexclusion
            and not x.indisreplident
            and not exists (
                select 1 from pg_catalog.pg_constraint as f
                where f.conrelid = x.indrelid and f.contype = 'f' and f.conkey[1] = x.indkey[0]
            )
        )
    )
order by x.indisvalid, i.relpages::bigint * 8192 desc
