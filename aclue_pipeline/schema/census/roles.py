"""Roles that the app's clients act as, where one has an attribute or a membership that takes it past the policies."""

NAME = "role"
FOUND = """
select '', rolname, jsonb_build_object('attributes', attributes, 'member_of', member_of),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from pg_roles r,
lateral (
    select
        (select coalesce(jsonb_agg(name order by name), '[]') from (values
            ('SUPERUSER', rolsuper), ('BYPASSRLS', rolbypassrls), ('CREATEROLE', rolcreaterole), ('REPLICATION', rolreplication)
        ) as attribute (name, has) where has) as attributes,
        (select coalesce(jsonb_agg(distinct pg_get_userbyid(roleid) order by pg_get_userbyid(roleid)), '[]')
         from pg_auth_members m where m.member = r.oid) as member_of
) as said
where rolname in ('anon', 'authenticated') and (attributes <> '[]' or member_of <> '[]')
"""
