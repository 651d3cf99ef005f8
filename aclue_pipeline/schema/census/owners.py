"""Who owns a table: whoever may do everything with it, and the role that its foreign keys act as."""

NAME = "owner"
FOUND = """
select relname, '', jsonb_build_object('role', pg_get_userbyid(relowner)), '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from ours
"""
