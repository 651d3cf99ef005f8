-- One row per session that others have been waiting for: it holds a lock that they need, and waits for nobody itself.
-- kind: view
-- grain: object
-- owner: team:data

-- Waiting: for 30 seconds (warn) or five minutes (error), whoever makes them wait, aclue as well. Who waits for whom is followed to its beginning. No statement is shown, since it
-- holds values: the locks say what it is about. A prepared transaction that nobody ends has no session, and is named by its name.
with recursive waiting as (
    select
        l.pid as pid,
        b.pid as blocker,
        extract(epoch from clock_timestamp() - coalesce(min(l.waitstart), clock_timestamp()))::bigint as seconds,
        string_agg(distinct coalesce(l.relation::regclass::text, l.locktype), ', ') as what
    from pg_catalog.pg_locks as l
    cross join lateral unnest(pg_blocking_pids(l.pid)) as b (pid)
    where not l.granted and (l.database is null or l.database in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())))
    group by l.pid, b.pid
),
chains as (
    select w.pid as pid, w.blocker as blocker, w.seconds as seconds, w.what as what
    from waiting as w
    union
    select c.pid, w.blocker, c.seconds, c.what
    from chains as c
    join waiting as w on w.pid = c.blocker
),
blockers as (
    select
        c.blocker as pid,
        count(distinct c.pid) as waiters,
        max(c.seconds) as seconds,
        string_agg(distinct c.what, ', ') as what
    from chains as c
    where c.blocker not in (select w.pid from waiting as w)
    group by c.blocker
)
select
    'blockers' as finding,                      -- Name of the finding: the file's.
    case when b.seconds >= 300 then 'error' else 'warn' end as severity,    -- warn from 30 seconds on, error from five minutes; 'not judged': cannot be told.
    case when b.pid = 0 then 'a prepared transaction' else 'session ' || b.pid end::text as object,     -- The session by its pid.
    format(
        '%s wait for %s, the longest for %s s; %s',
        case b.waiters when 1 then 'one session does' else b.waiters || ' sessions' end, left(b.what, 200), b.seconds,
        case
            when b.pid = 0 then 'see pg_prepared_xacts'
            when a.state is null then 'what it does, this role does not see'
            when a.state = 'active' then format('%s (%s) runs a statement', a.usename, left(a.application_name, 40))
            else format('%s (%s) is %s for %s s', a.usename, left(a.application_name, 40), a.state, extract(epoch from clock_timestamp() - a.state_change)::bigint)
        end
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object(
        'pid', b.pid,
        'waiters', b.waiters,
        'seconds', b.seconds,
        'state', a.state,
        'application', left(a.application_name, 40),
        'what', left(b.what, 200)
    )::jsonb as evidence,                       -- The numbers behind it: sessions that wait, seconds.
    case
        when b.pid = 0 then 'select gid, prepared, owner from pg_prepared_xacts -- then: rollback prepared, with its gid'
        when a.state = 'active' then format('select pg_cancel_backend(%s) -- or pg_terminate_backend, where that does not help', b.pid)
        else format('select pg_terminate_backend(%s)', b.pid)
    end::text as remedy                         -- What to do.
from blockers as b
left join pg_catalog.pg_stat_activity as a on a.pid = b.pid
where b.seconds >= 30
