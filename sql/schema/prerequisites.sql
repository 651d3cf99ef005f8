-- What must be there before the five tables are deployed, one row each: name, whether it is met, what kind of trouble it is if not, and the remedy.
-- trouble: missing (something of the app's or of Supabase's is not there), privilege (this role may not do what is needed), note (worth knowing, stops nothing).
-- Reads only; for Supabase's SQL editor as well as for `aclue deploy`. Which of its two shapes the catalogue has is told apart elsewhere.

with app_table (name, oid, key) as (
    -- By the catalogues: to_regclass() fails where a schema may not be entered.
    select wanted.schema || '.' || wanted.name, c.oid, 'id'
    from (values ('public', 'products'), ('public', 'recommendations'), ('auth', 'users')) as wanted (schema, name)
    left join (pg_class c join pg_namespace n on n.oid = c.relnamespace) on n.nspname = wanted.schema and c.relname = wanted.name and c.relkind in ('r', 'p')
)
select
    name as name,
    oid is not null as met,
    'missing' as trouble,
    case when name = 'auth.users' then 'Supabase makes it: is this a Supabase database?' else 'the app''s own schema comes first: deploy that' end as remedy
from app_table
union all
select
    name || '.' || key,
    exists (
        select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = oid and i.indisunique and i.indisvalid and i.indnkeyatts = 1 and a.attname = key and a.atttypid = 'uuid'::regtype
    ),
    'missing',
    'foreign keys refer to it: it must be a uuid with a primary key or unique index'
from app_table where oid is not null
union all
select 'recommendations.' || attname,
    exists (select from pg_attribute a where attrelid = oid and a.attname = needed.attname and atttypid = 'uuid'::regtype and not attisdropped),
    'missing',
    'feedback is accepted only on a recommendation made to that very user, about its product'
from app_table, unnest(array['user_id', 'product_id']) as needed (attname) where name = 'public.recommendations' and oid is not null
union all
select 'auth.uid()',
    exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'auth' and p.proname = 'uid' and p.pronargs = 0),
    'missing', 'the policies ask it who is calling; Supabase makes it: is this a Supabase database?'
union all
select 'role ' || role, to_regrole(role) is not null, 'missing', 'the policies speak of it; Supabase makes it: is this a Supabase database?'
from unnest(array['anon', 'authenticated', 'service_role']) as role
union all
select 'CREATE on database ' || current_database(), has_database_privilege(current_database(), 'CREATE'),
    case when to_regnamespace('pipeline') is null then 'privilege' else 'note' end,
    format('its owner grants it by: grant create on database %I to %I; rolling back needs it, for the schema that holds what was taken back',
        current_database(), current_user)
union all
select 'CREATE on schema public', has_schema_privilege(current_user, 'public', 'CREATE'), 'privilege', 'deploy as postgres, or grant it to this role'
union all
select 'USAGE on schema auth', has_schema_privilege(current_user, n.oid, 'USAGE'), 'privilege', 'deploy as postgres, or grant it to this role'
from pg_namespace n where n.nspname = 'auth'
union all
select 'REFERENCES on ' || name, has_table_privilege(current_user, oid, 'REFERENCES'), 'privilege', 'deploy as postgres, or grant it to this role'
from app_table where oid is not null
union all
select 'SELECT on public.recommendations', has_table_privilege(current_user, oid, 'SELECT'), 'privilege', 'deploy as postgres, or grant it to this role'
from app_table where name = 'public.recommendations' and oid is not null
union all
select 'extension ' || extension,
    exists (select from pg_extension where extname = extension),
    'note',
    'expected by some of the app; nothing here needs it'
from unnest(array['uuid-ossp', 'pg_trgm']) as extension;
