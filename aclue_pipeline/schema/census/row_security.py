"""Whether policies are asked at all, and whether the owner is asked too."""

NAME = "row security"
FOUND = """
select relname, '', jsonb_build_object('enabled', relrowsecurity, 'forced', relforcerowsecurity),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from ours
"""
