-- One row per statement that takes long each time it is run, or now and then, the costliest first; or one row that says why nobody can tell here.
-- kind: view
-- grain: object
-- owner: team:data

-- Slow: run five times or more, 100 ms (warn) or 1 s (error) on average. Variable: faster on average, but five of its runs or more
-- took 500 ms and longer, as far as average and standard deviation tell: a few slow runs of many have a deviation of twice the average.
-- Queries and writes only, as clients send them: of other statements some servers keep the literal values. What is shown is without
-- comments and ends where a text begins that the server kept. Ours are no findings: they are signed, or our own roles ran them.
-- The extension pg_stat_statements may be missing, and its schema differs from server to server, so a view cannot name it. Its
-- rows come through ts_stat: the one function of every server that runs a query given as text, and hands back the lexemes it finds
-- (2 kB at most). A lexeme need not be a word: here each is a statement's figures as JSON.
with installed as (
    select max(n.nspname::text) as home, max(format('%I.pg_stat_statements', n.nspname)) as relation
    from pg_catalog.pg_extension as e
    join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'
),
source as (
    select
        i.home as home,
        i.relation as relation,
        case
            when i.relation is null then 'the extension pg_stat_statements is not installed'
            when current_setting('pg_stat_statements.max', true) is null then 'the server does not load pg_stat_statements'
            when not (has_schema_privilege(i.home, 'usage') and has_table_privilege(i.relation, 'select'))
                then 'this role may not read pg_stat_statements'
            when not pg_has_role('pg_read_all_stats', 'usage') then 'this role sees its own statements only'
        end as hindrance,
        case
            when i.relation is null then concat('create extension pg_stat_statements', (select ' schema extensions' where to_regnamespace('extensions') is not null), ' -- as an administrator')
            when current_setting('pg_stat_statements.max', true) is null then 'add pg_stat_statements to shared_preload_libraries and restart the server'
            when not (has_schema_privilege(i.home, 'usage') and has_table_privilege(i.relation, 'select'))
                then format('grant usage on schema %1$I to %3$I; grant select on %2$s to %3$I -- as an administrator', i.home, i.relation, current_user)
            else format('grant pg_read_all_stats to %I -- as an administrator', current_user)
        end as remedy
    from installed as i
),
found as (
    select s.home as home, f.word::jsonb as word
    from source as s
    cross join lateral ts_stat(
        format(
            $query$
            select array_to_tsvector(array[to_jsonb(s)::text])
            from (
                select queryid::text as id,
                       left(ltrim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(left(min(query), 5000),
                           '/\*([^*]|\*+[^*/])*\*+/|--[^\n]*', ' ', 'g'), '(''|\$[a-z_]*\$).*', '…', 'i'),
                           '(^|[^\w$.])\d[\d.]*\M', '\1?', 'g'), '\s+', ' ', 'g')), 250) as query,
                       sum(calls) as calls, sum(rows) as rows, sum(total_exec_time) as total_ms, max(max_exec_time) as max_ms,
                       max(stddev_exec_time) as deviation_ms
                from %s
                where dbid = (select oid from pg_catalog.pg_database where datname = current_database())
                    and toplevel
                    and left(query, 5000) ~* '^(\s|--[^\n]*\n|/\*([^*]|\*+[^*/])*\*+/)*(select|insert|update|delete|merge|with)\M'
                    and right(query, 20) not like '%%/* aclue */%%'
                    and userid not in (select oid from pg_catalog.pg_roles where rolname in ('aclue_pipeline', 'aclue_deployer'))
                group by queryid
                having sum(calls) >= 5
                    and (
                        sum(total_exec_time) >= 100 * sum(calls)
                        or max(max_exec_time) >= 500
                        and max(stddev_exec_time) >= 2 * sum(total_exec_time) / sum(calls)
                        and sum(total_exec_time) ^ 2 >= 5 * sum(calls) * (max(stddev_exec_time) ^ 2 + (sum(total_exec_time) / sum(calls)) ^ 2)
                    )
                order by sum(total_exec_time) desc
                limit 20
            ) as s
            $query$,
            s.relation
        )
    ) as f
    where s.hindrance is null
),
slow as (
    select
        f.home as home,
        f.word ->> 'id' as id,
        f.word ->> 'query' as query,
        (f.word ->> 'calls')::bigint as calls,
        (f.word ->> 'rows')::bigint as rows,
        (f.word ->> 'total_ms')::numeric as total_ms,
        (f.word ->> 'max_ms')::numeric as max_ms,
        (f.word ->> 'deviation_ms')::numeric as deviation_ms,
        (f.word ->> 'total_ms')::numeric / (f.word ->> 'calls')::numeric as mean_ms
    from found as f
)
select
    'slow_statements' as finding,               -- Name of the finding: the file's.
    case when s.mean_ms >= 1000 then 'error' else 'warn' end as severity,   -- warn from 100 ms on average, or where it varies; error from 1 s; 'not judged': cannot be told.
    'statement ' || s.id as object,             -- The statement's number in pg_stat_statements.
    case
        when s.mean_ms >= 100
            then format('%s ms on average, %s times, %s s in all: %s', round(s.mean_ms, 1), s.calls, round(s.total_ms / 1000, 1), s.query)
        else format(
            '%s ms on average, but up to %s ms (standard deviation %s ms), %s times: %s',
            round(s.mean_ms, 1), round(s.max_ms), round(s.deviation_ms), s.calls, s.query
        )
    end::text as detail,                        -- What was found, as a sentence.
    jsonb_build_object(
        'calls', s.calls,
        'mean_ms', round(s.mean_ms, 3),
        'max_ms', round(s.max_ms, 3),
        'deviation_ms', round(s.deviation_ms, 3),
        'total_s', round(s.total_ms / 1000, 3),
        'rows', s.rows,
        'query', s.query
    )::jsonb as evidence,                       -- The numbers behind it, since the statistics began: milliseconds (ms), seconds (s), rows returned or written.
    format(
        'select %I.pg_stat_statements_reset(0, 0, %s) -- once it is mended: explain (analyze, buffers) it, and look for %s',
        s.home, s.id,
        case when s.mean_ms >= 100 then 'an index, or fewer rows' else 'what some values or waiting for locks make of it' end
    )::text as remedy                           -- What to do.
from slow as s
union all
select 'slow_statements', 'not judged', 'pg_stat_statements', s.hindrance, '{}'::jsonb, s.remedy
from source as s
where s.hindrance is not null
