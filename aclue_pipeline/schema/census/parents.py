"""Tables that ours inherit from or are a partition of: whoever reads the parent reads our rows by the parent's rights."""

NAME = "parent"
FOUND = """
select home, relation::regclass::text,
    jsonb_build_object('relation', relation::regclass::text, 'bound', pg_get_expr(o.relpartbound, o.oid), 'readable_by', readable_by),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from exposed join ours o on o.relname = home where how = 'parent'
"""
