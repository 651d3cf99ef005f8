"""Row level security policies."""

NAME = "policy"
FOUND = """
select o.relname, p.polname,
    jsonb_build_object(
        'permissive', p.polpermissive,
        'command', case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE'
            else 'ALL' end,
        'roles', (
            select jsonb_agg(said order by said collate "C")
            from unnest(p.polroles) as role,
            lateral (select case role when 0 then 'PUBLIC' else pg_get_userbyid(role)::text end) as word (said)
        ),
        'using', pg_get_expr(p.polqual, p.polrelid),
        'check', pg_get_expr(p.polwithcheck, p.polrelid)
    ),
    '{}'::jsonb, 'pg_policy'::regclass, p.oid, 0, '[]'::jsonb
from ours o join pg_policy p on p.polrelid = o.oid
"""
