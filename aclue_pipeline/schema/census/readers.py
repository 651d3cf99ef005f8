"""What lets a role that policies bind read our rows by another's rights: views, materialized views, and functions that act as
their owner. What no such role can reach is nobody's business, and a trigger's function cannot be called. A function's body is
text; one that names a table counts."""

NAME = "reader"
FOUND = """
select home, coalesce(relation::regclass::text, routine::regprocedure::text),
    jsonb_build_object('kind', how, 'security_invoker', invoker, 'owner', pg_get_userbyid(owner), 'readable_by', readable_by),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from exposed where how not in ('child', 'parent') and readable_by <> '[]'
"""

#: For WITH RECURSIVE, after `ours` and `functions`: all that may show our rows beside our tables, children and parents of theirs
#: too, each with the roles it shows them to.
EXPOSED = """
view (home, oid) as (
    select relname, oid from ours
    union
    select v.home, r.ev_class
    from view v
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite r on r.oid = d.objid
), child (home, oid) as (
    select relname, oid from ours
    union
    select c.home, i.inhrelid from child c join pg_inherits i on i.inhparent = c.oid
), shown as (
    select v.home, case c.relkind when 'm' then 'materialized view' else 'view' end as how, c.oid as relation, null::oid as routine,
        c.relowner as owner, c.relnamespace as schema, false as guarded,
        exists (
            select from pg_options_to_table(c.reloptions) where option_name = 'security_invoker' and option_value::boolean
        ) as invoker
    from view v join pg_class c on c.oid = v.oid and c.relkind in ('v', 'm')
    union all
    select o.relname, 'function', null, p.oid, p.proowner, p.pronamespace, false, false
    from ours o join pg_proc p on p.prosecdef and p.prokind in ('f', 'p')
    where p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype) and p.oid not in (select oid from functions)
        and (
            p.prosrc ~ ('\\m' || o.relname || '\\M')
            or exists (
                select from pg_depend d
                where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = o.oid
            )
        )
    union all
    select t.home, t.how, c.oid, null, c.relowner, c.relnamespace,
        c.relrowsecurity and not exists (select from pg_policy p where p.polrelid = c.oid), false
    from (
        select home, 'child' as how, oid from child where oid not in (select oid from ours)
        union all
        select o.relname, 'parent', i.inhparent from ours o join pg_inherits i on i.inhrelid = o.oid
    ) as t join pg_class c on c.oid = t.oid
), exposed as (
    select shown.*, case when guarded then '[]' when roles ? 'PUBLIC' then '["PUBLIC"]' else roles end as readable_by
    from shown, lateral (
        select coalesce(jsonb_agg(name order by name collate "C"), '[]') as roles
        from (
            select 'PUBLIC' as name, 'public' as asked where has_schema_privilege('public', schema, 'USAGE')
            union all
            select rolname::text, rolname::text from pg_roles r
            where not rolsuper and not rolbypassrls and not starts_with(rolname, 'pg_')
                and not pg_has_role(r.oid, owner, 'USAGE') and has_schema_privilege(r.oid, schema, 'USAGE')
        ) as role
        where has_table_privilege(asked, relation, 'SELECT')
            or has_any_column_privilege(asked, relation, 'SELECT')
            or has_function_privilege(asked, routine, 'EXECUTE')
    ) as reader
)
"""
