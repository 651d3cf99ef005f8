"""Triggers, but for those that a foreign key consists of."""

NAME = "trigger"
FOUND = """
select o.relname, t.tgname,
    jsonb_build_object(
        'definition', overlay(pg_get_triggerdef(t.oid) placing '$name'
            from length(case when t.tgconstraint = 0 then 'CREATE TRIGGER ' else 'CREATE CONSTRAINT TRIGGER ' end) + 1
            for length(quote_ident(t.tgname))),
        'enabled', case t.tgenabled when 'O' then 'ENABLE' when 'D' then 'DISABLE' when 'R' then 'ENABLE REPLICA'
            else 'ENABLE ALWAYS' end
    ),
    '{}'::jsonb, 'pg_trigger'::regclass, t.oid, 0, '[]'::jsonb
from ours o join pg_trigger t on t.tgrelid = o.oid and not t.tgisinternal
"""
