"""Constraints, but for NOT NULL, which is the column's, and constraint triggers, which are triggers. The triggers that a foreign
key consists of can be switched off one by one; those that are stand among its facts by function and table."""

NAME = "constraint"
FOUND = """
select o.relname, k.conname,
    jsonb_build_object(
        'definition', regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
        'validated', k.convalidated,
        'triggers', (
            select coalesce(jsonb_agg(said order by said collate "C"), '[]')
            from pg_trigger t join pg_proc p on p.oid = t.tgfoid,
            lateral (select p.proname || ' on ' || t.tgrelid::regclass || ': '
                || case t.tgenabled when 'D' then 'DISABLE' when 'R' then 'ENABLE REPLICA' else 'ENABLE ALWAYS' end) as word (said)
            where t.tgconstraint = k.oid and t.tgisinternal and t.tgenabled <> 'O'
        )
    ),
    jsonb_build_object(
        'contype', k.contype,
        'references', nullif(k.confrelid, 0)::regclass::text,
        'columns', (
            select coalesce(jsonb_agg(a.attname order by place), '[]')
            from unnest(k.conkey) with ordinality as named (number, place)
            join pg_attribute a on a.attrelid = o.oid and a.attnum = number
        ),
        'expression', pg_get_expr(k.conbin, k.conrelid)
    ),
    'pg_constraint'::regclass, k.oid, 0, '[]'::jsonb
from ours o join pg_constraint k on k.conrelid = o.oid and k.contype not in ('n', 't')
"""
