-- Indexes of the app's and our tables that are invalid, or have cost space and writes without ever having been read.
select
    'indexes' as finding, -- Name of the finding: the file's.
    case when x.indisvalid then 'warn' else 'error' end as severity, -- error: invalid, so that no query uses it; warn: never read.
    format('%I.%I', n.nspname, i.relname) as object, -- Schema and name of the index.
    case
        when not x.indisvalid then format('invalid: building it on %I.%I did not end well', n.nspname, t.relname)
        else format(
            'never read since %s, %s on a table of %s rows',
            coalesce(to_char(d.stats_reset at time zone 'UTC', 'YYYY-MM-DD'), 'the database was made'),
            pg_size_pretty(pg_relation_size(x.indexrelid)), t.reltuples::bigint
        )
    end as detail, -- What was found, for a person.
    jsonb_build_object(
        'table', format('%I.%I', n.nspname, t.relname),
        'valid', x.indisvalid,
        'scans', coalesce(u.idx_scan, 0),
        'bytes', pg_relation_size(x.indexrelid),
        'rows', t.reltuples::bigint,
        'definition', pg_get_indexdef(x.indexrelid)
    ) as evidence, -- The numbers behind it, for a machine; size in bytes, scans since the statistics' reset.
    case
        when not x.indisvalid then format('drop index concurrently %I.%I; then aclue deploy', n.nspname, i.relname)
        else format('if it stays so through a whole month, drop index concurrently %I.%I', n.nspname, i.relname)
    end as mend -- What to do.
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
join pg_class as t on t.oid = x.indrelid
join pg_namespace as n on n.oid = t.relnamespace
left join pg_stat_user_indexes as u on u.indexrelid = x.indexrelid
left join pg_stat_database as d on d.datname = current_database()
where n.nspname in ('public', 'analytics', 'pipeline')
    and (
        not x.indisvalid
        or (
            coalesce(u.idx_scan, 0) = 0
            and not x.indisunique
            and pg_relation_size(x.indexrelid) >= 8 * 1024 * 1024
            -- One that serves a foreign key is read when a referenced row goes, which may be once a year.
            and not exists (
                select 1 from pg_constraint as f
                where f.conrelid = x.indrelid and f.contype = 'f' and f.conkey[1] = x.indkey[0]
            )
        )
    )
order by x.indisvalid, pg_relation_size(x.indexrelid) desc
