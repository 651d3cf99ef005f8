-- One row per table that is not vacuumed as it should be, and per thing that will stop the server or fill its disk: numbers of transactions that run out, replication slots that nobody reads.
-- kind: view
-- grain: object
-- owner: team:data

-- Dead rows: 100,000 at least (fewer are gone with the next autovacuum), and more than a fifth (warn) or as many (error) of the living.
-- Switched off: autovacuum, for a table of 10,000 rows or more. Wrap-around: 500 million transactions without a freeze (warn; autovacuum begins at 200
-- million of its own accord), 1.2 billion (error; the server refuses every write at some 2.1). Slots: a gigabyte of log kept for one that nobody reads
-- (warn), ten, or lost (error).
with tables as (
    select
        format('%I.%I', n.nspname, c.relname) as name,
        coalesce(s.n_live_tup, 0) as living,
        coalesce(s.n_dead_tup, 0) as dead,
        greatest(s.last_vacuum, s.last_autovacuum) as vacuumed_at,
        c.reltuples as rows,
        exists (select 1 from pg_catalog.pg_options_to_table(c.reloptions) as o where o.option_name = 'autovacuum_enabled' and not o.option_value::boolean) as is_off
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    left join pg_catalog.pg_stat_user_tables as s on s.relid = c.oid
    where c.relkind in ('r', 'm') and n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline')
),
slots as (
    select
        r.slot_name as name,
        r.wal_status as status,
        (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - r.restart_lsn)::bigint as bytes
    from pg_catalog.pg_replication_slots as r
    where not r.active
)
select
    'vacuum' as finding,                        -- Name of the finding: the file's.
    case when t.dead >= 100000 and t.dead >= t.living then 'error' else 'warn' end as severity,     -- error: act now; warn: it will hurt.
    t.name::text as object,                     -- Schema and name of the table; the database; the replication slot.
    concat_ws(
        '; ',
        case
            when t.dead >= 100000 and t.dead > 0.2 * t.living
                then format('holds %s dead rows beside %s living, vacuumed %s', t.dead, t.living, coalesce(to_char(t.vacuumed_at at time zone 'UTC', 'on YYYY-MM-DD'), 'never'))
        end,
        case when t.is_off and t.rows >= 10000 then format('autovacuum is switched off for its %s rows', t.rows::bigint) end
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object('rows', t.living, 'dead_rows', t.dead, 'vacuumed_at', t.vacuumed_at)::jsonb as evidence,     -- The numbers behind it: rows as the server estimates them, transactions, bytes.
    concat_ws(
        '; ',
        case when t.is_off then format('alter table %s reset (autovacuum_enabled)', t.name) end,
        case when t.dead >= 100000 then format('vacuum (analyze) %s -- and see what keeps autovacuum from it: aclue health connections', t.name) end
    )::text as remedy                           -- What to do.
from tables as t
where (t.dead >= 100000 and t.dead > 0.2 * t.living) or (t.is_off and t.rows >= 10000)
union all
select
    'vacuum',
    case when a.transactions >= 1200000000 then 'error' else 'warn' end,
    'database ' || d.datname,
    format('%s million transactions since it was frozen last; at 2,100 the server refuses every write', round(a.transactions / 1e6)),
    jsonb_build_object('transactions', age(d.datfrozenxid), 'multixacts', mxid_age(d.datminmxid)),
    format('vacuumdb --freeze --jobs 2 %s # and see what keeps autovacuum from it: aclue health connections', d.datname)
from pg_catalog.pg_database as d
cross join lateral (select greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) as transactions) as a
where d.datname = current_database() and a.transactions >= 500000000
union all
select
    'vacuum',
    case when s.status = 'lost' or s.bytes >= 10 * 1073741824::bigint then 'error' else 'warn' end,
    'replication slot ' || s.name,
    case
        when s.status = 'lost' then 'its log is gone: whoever reads it must begin anew'
        else format('nobody reads it, and the server keeps %s of log for it', pg_size_pretty(s.bytes))
    end,
    jsonb_build_object('bytes', s.bytes, 'status', s.status),
    format('select pg_drop_replication_slot(%L) -- unless its reader can be started again', s.name)
from slots as s
where s.status = 'lost' or s.bytes >= 1073741824
