"""Functions of ours, known by their signature: another of the same name is another function, and ours to judge."""

NAME = "function"
FOUND = """
select '', signature,
    jsonb_build_object('definition', pg_get_functiondef(oid), 'owner', pg_get_userbyid(proowner)),
    '{}'::jsonb, 'pg_proc'::regclass, oid, 0, '[]'::jsonb
from functions
"""
