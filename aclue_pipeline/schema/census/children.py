"""Tables that inherit from ours, partitions among them: their rows are ours, shown by their own rights and policies too."""

NAME = "child"
FOUND = """
select home, relation::regclass::text,
    jsonb_build_object('relation', relation::regclass::text, 'bound', pg_get_expr(c.relpartbound, c.oid), 'readable_by', readable_by),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from exposed join pg_class c on c.oid = relation where how = 'child'
"""
