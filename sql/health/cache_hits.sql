-- One row where too much of what is read comes from the disk: the cache is too small for what is asked.
-- kind: view
-- grain: object
-- owner: team:data

-- Too much: 5 % of the blocks (8 kB) since the statistics began, of a million at least. What aclue itself reads does not count where
-- pg_stat_statements tells it apart (how its rows are reached, slow_statements.sql says); else the server's own sum counts, with it.
with installed as (
    select max(n.nspname::text) as home, max(format('%I.pg_stat_statements', n.nspname)) as relation
    from pg_catalog.pg_extension as e
    join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'
),
source as (
    select
        case
            when current_setting('pg_stat_statements.max', true) is not null
                and has_schema_privilege(i.home, 'usage')
                and has_table_privilege(i.relation, 'select')
                and pg_has_role('pg_read_all_stats', 'usage')
                then i.relation
        end as relation
    from installed as i
),
counted as (
    select (f.word::jsonb ->> 'hit')::numeric as hit, (f.word::jsonb ->> 'read')::numeric as read, 'by others than aclue' as whose
    from source as s
    cross join lateral ts_stat(
        format(
            $query$
            select array_to_tsvector(array[jsonb_build_object('hit', sum(shared_blks_hit), 'read', sum(shared_blks_read))::text])
            from %s
            where dbid = (select oid from pg_catalog.pg_database where datname = current_database())
                and toplevel
                and right(query, 20) not like '%%/* aclue */%%'
                and userid not in (select oid from pg_catalog.pg_roles where rolname in ('aclue_pipeline', 'aclue_deployer'))
            $query$,
            s.relation
        )
    ) as f
    where s.relation is not null
    union all
    select d.blks_hit, d.blks_read, 'by all, aclue among them'
    from source as s
    join pg_catalog.pg_stat_database as d on d.datname = current_database()
    where s.relation is null
)
select
    'cache_hits' as finding,                    -- Name of the finding: the file's.
    case when c.read > 0.2 * (c.hit + c.read) then 'error' else 'warn' end as severity,     -- warn from 5 % on, error from 20 %.
    current_database()::text as object,         -- The database.
    format(
        '%s %% of what is read %s comes from the disk (%s of %s); most of it from %s',
        round(100 * c.read / (c.hit + c.read), 1), c.whose, pg_size_pretty(8192 * c.read), pg_size_pretty(8192 * (c.hit + c.read)),
        coalesce(t.names, 'no table')
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object('blocks_found', c.hit, 'blocks_read', c.read, 'shared_buffers', current_setting('shared_buffers'))::jsonb as evidence,   -- The numbers behind it: blocks of 8 kB since the statistics began.
    'aclue health missing_indexes sequential_scans slow_statements # if these find nothing: more memory (shared_buffers at a quarter of it)' as remedy   -- What to do.
from counted as c
cross join lateral (
    select string_agg(m.name, ', ') as names
    from (
        select format('%I.%I', u.schemaname, u.relname) as name
        from pg_catalog.pg_statio_user_tables as u
        order by u.heap_blks_read + coalesce(u.idx_blks_read, 0) + coalesce(u.toast_blks_read, 0) desc
        limit 3
    ) as m
) as t
where c.hit + c.read >= 1000000 and c.read > 0.05 * (c.hit + c.read)
