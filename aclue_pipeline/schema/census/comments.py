"""What a person reads about a table, its parts, and the functions, in the database itself."""

NAME = "comment"
FOUND = """
with target as (
    select o.relname as home, 'table' as kind, '' as name, 'pg_class'::regclass as class, o.oid, 0 as part from ours o
    union all
    select o.relname, 'column', a.attname, 'pg_class', o.oid, a.attnum
    from ours o join pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
    union all
    select o.relname, 'index', c.relname, 'pg_class', c.oid, 0
    from ours o join pg_index i on i.indrelid = o.oid join pg_class c on c.oid = i.indexrelid
    union all
    select o.relname, 'constraint', k.conname, 'pg_constraint', k.oid, 0
    from ours o join pg_constraint k on k.conrelid = o.oid and k.contype not in ('n', 't')
    union all
    select o.relname, 'policy', p.polname, 'pg_policy', p.oid, 0 from ours o join pg_policy p on p.polrelid = o.oid
    union all
    select o.relname, 'trigger', t.tgname, 'pg_trigger', t.oid, 0
    from ours o join pg_trigger t on t.tgrelid = o.oid and not t.tgisinternal
    union all
    select '', 'function', f.signature, 'pg_proc', f.oid, 0 from functions f
)
select t.home, rtrim(t.kind || ' ' || t.name), jsonb_build_object('text', d.description),
    '{}'::jsonb, null::oid, null::oid, null::int,
    -- The index of a constraint is no thing of its own.
    jsonb_build_array(jsonb_build_array(t.kind, t.home, t.name), jsonb_build_array('constraint', t.home, t.name))
from target t
join pg_description d on d.classoid = t.class and d.objoid = t.oid and d.objsubid = t.part
"""
