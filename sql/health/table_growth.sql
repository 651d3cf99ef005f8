-- Tables whose size, dead rows or stale statistics make every query on them slower, the largest first.
select
    'table_growth' as finding, -- Name of the finding: the file's.
    case
        when s.n_dead_tup > s.n_live_tup then 'error'
        when s.n_dead_tup > 0.2 * s.n_live_tup or s.n_mod_since_analyze > 0.5 * s.n_live_tup then 'warn'
        else 'info'
    end as severity, -- error: more dead rows than living; warn: a fifth dead, or half changed since ANALYZE; info: only large.
    format('%I.%I', s.schemaname, s.relname) as object, -- Schema and name of the table.
    format(
        '%s rows, %s with its indexes; %s dead rows, %s changed since the last ANALYZE',
        s.n_live_tup, pg_size_pretty(pg_total_relation_size(s.relid)), s.n_dead_tup, s.n_mod_since_analyze
    ) as detail, -- What was found, for a person.
    jsonb_build_object(
        'rows', s.n_live_tup,
        'dead_rows', s.n_dead_tup,
        'changed_since_analyze', s.n_mod_since_analyze,
        'inserted', s.n_tup_ins,
        'updated', s.n_tup_upd,
        'deleted', s.n_tup_del,
        'table_bytes', pg_relation_size(s.relid),
        'total_bytes', pg_total_relation_size(s.relid),
        'last_vacuum', greatest(s.last_vacuum, s.last_autovacuum),
        'last_analyze', greatest(s.last_analyze, s.last_autoanalyze)
    ) as evidence, -- The numbers behind it, for a machine: sizes in bytes, row counts as the server estimates them.
    case
        when s.n_dead_tup > 0.2 * s.n_live_tup then format('vacuum analyze %I.%I; and see what keeps autovacuum from it (a long transaction?)', s.schemaname, s.relname)
        when s.n_mod_since_analyze > 0.5 * s.n_live_tup then format('analyze %I.%I', s.schemaname, s.relname)
        else 'nothing yet: keep an eye on it'
    end as mend -- What to do.
from pg_stat_user_tables as s
where s.schemaname in ('public', 'analytics', 'pipeline')
    and (
        pg_total_relation_size(s.relid) >= 1024 * 1024 * 1024
        or (
            greatest(s.n_live_tup, s.n_dead_tup) >= 10000
            and (s.n_dead_tup > 0.2 * s.n_live_tup or s.n_mod_since_analyze > 0.5 * s.n_live_tup)
        )
    )
order by pg_total_relation_size(s.relid) desc
