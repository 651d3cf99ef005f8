"""What lets a role that policies bind read our rows by another's rights: views, materialized views, and functions that act as
their owner. What no such role can reach is nobody's business, and a trigger's function cannot be called. A function's body is
text; one that names a table counts."""

NAME = "reader"
FOUND = """
with recursive view as (
    select o.relname as home, r.ev_class as oid
    from ours o
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = o.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid and r.ev_class <> o.oid
    union
    select v.home, r.ev_class
    from view v
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid and r.ev_class <> v.oid
), reader as (
    select v.home, c.oid::regclass::text as name, c.oid as relation, null::oid as routine, c.relowner as owner, c.relnamespace as schema,
        case c.relkind when 'm' then 'materialized view' else 'view' end as kind,
        exists (
            select from pg_options_to_table(c.reloptions) where option_name = 'security_invoker' and option_value::boolean
        ) as security_invoker
    from view v join pg_class c on c.oid = v.oid and c.relkind in ('v', 'm')
    union all
    select o.relname, p.oid::regprocedure::text, null, p.oid, p.proowner, p.pronamespace, 'function', false
    from ours o
    join pg_proc p on p.prosecdef and p.prokind in ('f', 'p')
        and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype) and (
        p.prosrc ~ ('\\m' || o.relname || '\\M')
        or exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid = o.oid)
    )
    where p.oid not in (select oid from functions)
), readable as (
    select reader.*, (
        select coalesce(jsonb_agg(role.name order by role.name collate "C"), '[]')
        from (
            select 'PUBLIC' as name, 'public' as asked where has_schema_privilege('public', reader.schema, 'USAGE')
            union all
            select rolname::text, rolname::text from pg_roles
            where not rolsuper and not rolbypassrls and not starts_with(rolname, 'pg_')
                and not pg_has_role(oid, reader.owner, 'USAGE') and has_schema_privilege(oid, reader.schema, 'USAGE')
        ) as role
        where has_table_privilege(role.asked, reader.relation, 'SELECT')
            or has_any_column_privilege(role.asked, reader.relation, 'SELECT')
            or has_function_privilege(role.asked, reader.routine, 'EXECUTE')
    ) as roles
    from reader
)
select home, name,
    jsonb_build_object('kind', kind, 'security_invoker', security_invoker, 'owner', pg_get_userbyid(owner),
        'readable_by', case when roles ? 'PUBLIC' then '["PUBLIC"]'::jsonb else roles end),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from readable where roles <> '[]'
"""
