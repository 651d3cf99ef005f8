"""Indexes that no constraint brings along. Not valid is what an interrupted build leaves."""

NAME = "index"
FOUND = """
select o.relname, c.relname,
    jsonb_build_object(
        'definition', overlay(pg_get_indexdef(i.indexrelid) placing '$name'
            from length(case when i.indisunique then 'CREATE UNIQUE INDEX ' else 'CREATE INDEX ' end) + 1
            for length(quote_ident(c.relname))),
        'valid', i.indisvalid and i.indisready and i.indislive
    ),
    jsonb_build_object('unique', i.indisunique, 'method', (select amname from pg_am where pg_am.oid = c.relam)),
    'pg_class'::regclass, c.oid, 0, '[]'::jsonb
from ours o
join pg_index i on i.indrelid = o.oid
join pg_class c on c.oid = i.indexrelid
where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
"""
