-- One row per limit of connections that is nearly reached, and per session that sits in an open transaction; or one row that says why nobody can tell here.
-- kind: view
-- grain: object
-- owner: team:data

-- Nearly: from 80 % on (warn), 95 % (error), of what the server, this database or this role allows. Sitting: idle in a transaction for five
-- minutes (warn) or an hour (error), or one statement for an hour (warn): meanwhile its locks stay, and no dead row is cleared anywhere. Of a session no
-- statement is shown, since it holds values. aclue's own sessions are no findings.
with sight as (
    select pg_has_role('pg_read_all_stats', 'usage') as is_clear
),
sessions as (
    select
        a.pid as pid,
        a.usename as role,
        a.application_name as application,
        a.datname as datname,
        a.state as state,
        extract(epoch from clock_timestamp() - a.state_change)::bigint as seconds,
        extract(epoch from clock_timestamp() - a.xact_start)::bigint as open_seconds,
        a.wait_event_type = 'Lock' as is_waiting
    from pg_catalog.pg_stat_activity as a
    where a.backend_type = 'client backend'
),
limits as (
    select
        'all connections of the server' as name,
        count(*) as used,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as allowed
    from sessions as s
    union all
    select 'connections of the database ' || d.datname, (select count(*) from sessions as s where s.datname = d.datname), d.datconnlimit
    from pg_catalog.pg_database as d
    where d.datname = current_database() and d.datconnlimit > 0
    union all
    select 'connections of the role ' || r.rolname, (select count(*) from sessions as s where s.role = r.rolname), r.rolconnlimit
    from pg_catalog.pg_roles as r
    where r.rolconnlimit > 0
)
select
    'connections' as finding,                   -- Name of the finding: the file's.
    case when l.used >= 0.95 * l.allowed then 'error' else 'warn' end as severity,  -- error: act now; warn: it will hurt; 'not judged': cannot be told.
    l.name::text as object,                     -- The limit, or the session by its pid.
    format('%s of %s are used; most by %s', l.used, l.allowed, t.names)::text as detail,    -- What was found, as a sentence.
    jsonb_build_object('used', l.used, 'allowed', l.allowed, 'most', t.names)::jsonb as evidence,   -- The numbers behind it: connections, seconds.
    'let the app connect through the pooler, and keep its own pools small' as remedy    -- What to do.
from limits as l
cross join lateral (
    select string_agg(m.name, ', ') as names
    from (
        select format('%s (%s, %s)', s.role, coalesce(nullif(left(s.application, 40), ''), 'no name'), count(*)) as name
        from sessions as s
        group by s.role, s.application
        order by count(*) desc, 1
        limit 3
    ) as m
) as t
where l.used >= 0.8 * l.allowed
union all
select
    'connections',
    case when s.state <> 'active' and s.seconds >= 3600 then 'error' else 'warn' end,
    'session ' || s.pid,
    format(
        '%s (%s) %s for %s minutes: its locks stay, and no row is cleared that it may still see',
        s.role, coalesce(nullif(left(s.application, 40), ''), 'no name'),
        case when s.state = 'active' then 'has run one statement' else 'has sat idle in a transaction' end, s.seconds / 60
    ),
    jsonb_build_object('pid', s.pid, 'state', s.state, 'seconds', s.seconds, 'transaction_seconds', s.open_seconds),
    format('select pg_terminate_backend(%s); alter role %I set idle_in_transaction_session_timeout = ''5min''', s.pid, coalesce(s.role, current_user))
from sessions as s
where s.datname = current_database()
    and s.application <> 'aclue'
    and (
        (s.state like 'idle in transaction%' and s.seconds >= 300)
        or (s.state = 'active' and s.seconds >= 3600 and s.open_seconds >= 3600 and s.is_waiting is not true)
    )
union all
select
    'connections', 'not judged', 'pg_stat_activity', 'this role does not see what sessions of others do', '{}'::jsonb,
    format('grant pg_read_all_stats to %I -- as an administrator', current_user)
from sight as v
where not v.is_clear
