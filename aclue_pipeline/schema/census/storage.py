"""How a table is kept: logged or not, its options (TOAST's among them), how a replica knows its rows, the access method."""

NAME = "storage"
FOUND = """
select relname, '',
    jsonb_build_object(
        'persistence', case relpersistence when 'p' then 'LOGGED' when 'u' then 'UNLOGGED' else relpersistence::text end,
        'options', (
            select coalesce(jsonb_agg(option order by option collate "C"), '[]')
            from (
                select unnest(reloptions)
                union all
                select 'toast.' || unnest(t.reloptions) from pg_class t where t.oid = ours.reltoastrelid
            ) as set (option)
        ),
        'replica_identity', case relreplident when 'd' then 'DEFAULT' when 'n' then 'NOTHING' when 'f' then 'FULL'
            else 'USING INDEX ' || (
                select quote_ident(i.relname) from pg_index x join pg_class i on i.oid = x.indexrelid
                where x.indrelid = ours.oid and x.indisreplident
            ) end,
        'access_method', (select amname from pg_am where pg_am.oid = relam)
    ),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from ours
"""
