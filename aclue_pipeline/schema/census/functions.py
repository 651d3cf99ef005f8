"""Functions of ours, known by their signature: all of schema pipeline, and those that release 0.1.0 had in schema public."""

NAME = "function"
FOUND = """
select '', signature,
    jsonb_build_object('definition', pg_get_functiondef(oid), 'owner', pg_get_userbyid(proowner)),
    '{}'::jsonb, 'pg_proc'::regclass, oid, 0, '[]'::jsonb
from functions
"""
