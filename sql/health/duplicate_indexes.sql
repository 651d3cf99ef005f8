-- One row per index that another one of the same table makes needless: it has the same columns, or begins with them.
-- kind: view
-- grain: object
-- owner: team:data

-- The same: key columns, their order, operator classes, collations, expressions and condition. Of two that are alike, the one goes that no
-- constraint holds, else the one that is no primary key and that no foreign key refers to, else the younger. Covered: another B-tree begins with the same columns; worth a word from 8 MB on, as a smaller index may
-- well be read faster. A unique index is covered by none, since it also guards.
with indexes as (
    select
        x.indexrelid as oid,
        x.indrelid as relation,
        format('%I.%I', n.nspname, i.relname) as name,
        format('%I.%I', n.nspname, t.relname) as table_name,
        a.amname as method,
        x.indisunique as is_unique,
        k.conname as held_by,
        k.conname is not null or x.indisreplident as is_held,
        x.indisprimary
        or x.indisreplident
        or exists (select 1 from pg_catalog.pg_constraint as f where f.conindid = x.indexrelid and f.contype = 'f') as is_needed,
        x.indkey::text as keys,
        x.indclass::text as classes,
        x.indcollation::text as collations,
        x.indoption::text as options,
        x.indnkeyatts = x.indnatts as is_plain,
        x.indnkeyatts as width,
        coalesce(pg_get_expr(x.indexprs, x.indrelid), '') as expressions,
        coalesce(pg_get_expr(x.indpred, x.indrelid), '') as condition,
        i.relpages::bigint * 8192 as bytes
    from pg_catalog.pg_index as x
    join pg_catalog.pg_class as i on i.oid = x.indexrelid
    join pg_catalog.pg_am as a on a.oid = i.relam
    join pg_catalog.pg_class as t on t.oid = x.indrelid
    join pg_catalog.pg_namespace as n on n.oid = t.relnamespace
    left join pg_catalog.pg_constraint as k on k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x')
    where x.indisvalid and n.nspname in ('public', 'staging', 'analytics', 'history', 'pipeline')
),
pairs as (
    select
        g.name as name,
        g.table_name as table_name,
        g.bytes as bytes,
        g.held_by as held_by,
        k.name as kept,
        g.keys = k.keys as is_same,
        row_number() over (partition by g.oid order by (g.keys = k.keys) desc, k.is_needed desc, k.is_held desc, k.width desc, k.oid) as nth
    from indexes as g
    join indexes as k on k.relation = g.relation and k.oid <> g.oid and k.method = g.method and k.condition = g.condition
    where (not g.is_held or (k.is_held and not g.is_needed))
        and (
            (
                (k.keys, k.classes, k.collations, k.options, k.expressions) = (g.keys, g.classes, g.collations, g.options, g.expressions)
                and k.is_unique >= g.is_unique
                and (k.is_held > g.is_held or k.is_unique > g.is_unique or k.is_needed > g.is_needed or k.oid < g.oid)
            )
            or (
                g.method = 'btree' and g.is_plain and not g.is_unique and g.expressions = '' and g.bytes >= 8 * 1024 * 1024
                and k.width > g.width
                and starts_with(k.keys, g.keys || ' ')
                and starts_with(k.classes, g.classes || ' ')
                and starts_with(k.collations, g.collations || ' ')
                and starts_with(k.options, g.options || ' ')
            )
        )
)
select
    'duplicate_indexes' as finding,             -- Name of the finding: the file's.
    case when p.is_same then 'warn' else 'info' end as severity,    -- warn: the same; info: covered by a longer one.
    p.name::text as object,                     -- Schema and name of the index that can go.
    format(
        '%s on %s; it takes %s and part of every write',
        case when p.is_same then 'the same as ' || p.kept else 'begins like ' || p.kept || ', which serves what it serves' end,
        p.table_name, pg_size_pretty(p.bytes)
    )::text as detail,                          -- What was found, as a sentence.
    jsonb_build_object('table', p.table_name, 'kept', p.kept, 'bytes', p.bytes)::jsonb as evidence,     -- The numbers behind it: the index that stays, size in bytes.
    case
        when p.held_by is null then format('drop index concurrently %s', p.name)
        else format('alter table %s drop constraint %I', p.table_name, p.held_by)
    end::text as remedy    -- What to do.
from pairs as p
where p.nth = 1
