"""Tables that ours inherit from or are a partition of: whoever reads the parent reads our rows by the parent's rights."""

NAME = "parent"
FOUND = """
select o.relname, i.inhparent::regclass::text,
    jsonb_build_object('relation', i.inhparent::regclass::text, 'bound', pg_get_expr(o.relpartbound, o.oid)),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from ours o join pg_inherits i on i.inhrelid = o.oid
"""
