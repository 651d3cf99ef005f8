"""Columns. NOT NULL is the column's: from 18 on a constraint too, whose name nobody chose, and which may not be validated yet."""

NAME = "column"
FOUND = """
select o.relname, a.attname,
    jsonb_build_object(
        'type', format_type(a.atttypid, a.atttypmod),
        'collation', (
            select quote_ident(n.nspname) || '.' || quote_ident(l.collname)
            from pg_collation l join pg_namespace n on n.oid = l.collnamespace
            where l.oid = a.attcollation and a.attcollation <> t.typcollation
        ),
        'default', pg_get_expr(d.adbin, d.adrelid),
        'identity', case a.attidentity when 'a' then 'ALWAYS' when 'd' then 'BY DEFAULT' end,
        'generated', case a.attgenerated when 's' then 'STORED' when 'v' then 'VIRTUAL' end,
        'not_null', a.attnotnull and not exists (
            select from pg_constraint k
            where k.conrelid = o.oid and k.contype = 'n' and k.conkey[1] = a.attnum and not k.convalidated
        ),
        'storage', case when a.attstorage <> t.typstorage then
            case a.attstorage when 'p' then 'PLAIN' when 'e' then 'EXTERNAL' when 'x' then 'EXTENDED' else 'MAIN' end end,
        'statistics', nullif(a.attstattarget, -1)
    ),
    jsonb_build_object('position', a.attnum),
    'pg_class'::regclass, o.oid, a.attnum, '[]'::jsonb
from ours o
join pg_attribute a on a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = o.oid and d.adnum = a.attnum
"""
