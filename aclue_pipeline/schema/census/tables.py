"""What stands under a deployed table's name in schema public: a table ("r", "p" if partitioned), or what keeps one from being made."""

NAME = "table"
FOUND = """
select c.relname, '',
    jsonb_build_object('relkind', c.relkind),
    jsonb_build_object('oid', c.oid::bigint, 'rows_estimate', c.reltuples::bigint,
        'comment_is_ours', coalesce(right(obj_description(c.oid, 'pg_class'), 7) = '[aclue]', false)),
    'pg_class'::regclass, c.oid, 0, '[]'::jsonb
from pg_class c
where c.relnamespace = to_regnamespace('public') and c.relname = any(%(tables)s)
union all
select t.typname, '', jsonb_build_object('relkind', 'type'), '{}'::jsonb, null, null, null, '[]'::jsonb
from pg_type t
where t.typnamespace = to_regnamespace('public') and t.typname = any(%(tables)s) and t.typrelid = 0
"""
