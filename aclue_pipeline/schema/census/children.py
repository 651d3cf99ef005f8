"""Tables that inherit from ours, partitions among them: their rows are ours, shown by their own rights and policies too."""

NAME = "child"
FOUND = """
select o.relname, c.oid::regclass::text,
    jsonb_build_object('relation', c.oid::regclass::text, 'bound', pg_get_expr(c.relpartbound, c.oid)),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from ours o join pg_inherits i on i.inhparent = o.oid join pg_class c on c.oid = i.inhrelid
"""
