"""Rules on our tables: none is declared, each may show or divert rows."""

NAME = "rule"
FOUND = """
select o.relname, r.rulename, jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled <> 'D'),
    '{}'::jsonb, 'pg_rewrite'::regclass, r.oid, 0, '[]'::jsonb
from ours o join pg_rewrite r on r.ev_class = o.oid
"""
