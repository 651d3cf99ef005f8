-- Statements that take long each time and, together, a good part of the server's time (pg_stat_statements, since its last reset).
select
    'slow_statements' as finding, -- Name of the finding: the file's.
    case when s.mean_exec_time >= 1000 then 'error' else 'warn' end as severity, -- warn from 100 ms on average, error from 1 s.
    'query ' || s.queryid as object, -- The statement's id in pg_stat_statements.
    format(
        '%s ms on average, %s times, %s s in all: %s',
        round(s.mean_exec_time::numeric, 1), s.calls, round(s.total_exec_time::numeric / 1000, 1),
        left(regexp_replace(s.query, '\s+', ' ', 'g'), 200)
    ) as detail, -- What was found, for a person.
    jsonb_build_object(
        'calls', s.calls,
        'mean_ms', round(s.mean_exec_time::numeric, 3),
        'max_ms', round(s.max_exec_time::numeric, 3),
        'total_s', round(s.total_exec_time::numeric / 1000, 3),
        'rows', s.rows,
        'query', left(s.query, 2000)
    ) as evidence, -- The numbers behind it, for a machine; times in milliseconds (ms) or seconds (s).
    'explain (analyze, buffers) the statement; an index, or fewer rows, usually mends it' as mend -- What to do.
from pg_stat_statements as s
where s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
    and s.calls >= 5
    and s.mean_exec_time >= 100
order by s.total_exec_time desc
limit 20
