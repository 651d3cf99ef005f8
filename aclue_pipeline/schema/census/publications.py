"""Publications that send our rows on: by name, with their schema, or with all tables. Worth noting; each has a reason of its own."""

NAME = "publication"
FOUND = """
select o.relname, p.pubname,
    jsonb_build_object(
        'by', case when r.oid is not null then 'table' when p.puballtables then 'all tables' else 'schema' end,
        'rows', pg_get_expr(r.prqual, r.prrelid),
        'columns', (
            select jsonb_agg(a.attname order by a.attname) from pg_attribute a where a.attrelid = o.oid and a.attnum = any(r.prattrs)
        )
    ),
    '{}'::jsonb, null::oid, null::oid, null::int, '[]'::jsonb
from ours o
cross join pg_publication p
left join pg_publication_rel r on r.prpubid = p.oid and r.prrelid = o.oid
where r.oid is not null or p.puballtables
    or exists (select from pg_publication_namespace n where n.pnpubid = p.oid and n.pnnspid = o.relnamespace)
"""
