"""What a role may do with a table, its columns, or a function of ours: one thing per role. All that an owner has anyway is one
word, ALL, which leaves MAINTAIN aside (17 and newer know it), so that it is the same on every server."""

NAME = "grant"
FOUND = """
with held as (
    select o.relname as home, '' as target, o.relowner as owner, 'r'::"char" as sort, acl.*, null::name as attname
    from ours o, aclexplode(coalesce(o.relacl, acldefault('r', o.relowner))) as acl
    union all
    select o.relname, '', o.relowner, 'c', acl.*, a.attname
    from ours o join pg_attribute a on a.attrelid = o.oid and not a.attisdropped, aclexplode(a.attacl) as acl
    union all
    select '', f.signature, f.proowner, 'f', acl.*, null
    from functions f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as acl
), complete as (
    select home, target from held
    where grantee = owner and sort <> 'c' and privilege_type <> 'MAINTAIN'
    group by home, target, owner, sort
    having count(distinct privilege_type) = (
        select count(*) from aclexplode(acldefault(sort, owner)) as own
        where own.grantee = held.owner and own.privilege_type <> 'MAINTAIN'
    )
), rights as (
    -- One row per role and right, with the columns that it is limited to.
    select held.home, held.target, grantee = owner as is_owner, grantee,
        case when owner = grantee and complete.home is not null then 'ALL'
            else privilege_type
                || coalesce(' (' || string_agg(distinct shown, ', ' order by shown) || ')', '')
        end as said,
        is_grantable,
        array_agg(distinct pg_get_userbyid(grantor)::text) as grantors, bool_and(grantor = owner) as by_owner,
        array_agg(distinct attname) filter (where attname is not null) as columns
    from held
    left join complete on complete.home = held.home and complete.target = held.target,
    lateral (select quote_ident(attname) collate "C") as word (shown)
    where not (grantee = owner and complete.home is not null and attname is not null)
    group by held.home, held.target, owner, grantee, privilege_type, attname is null, is_grantable, complete.home
)
select home,
    case when target = '' then '' else target || ' to ' end
        || case when is_owner then '$owner' when grantee = 0 then 'PUBLIC' else pg_get_userbyid(grantee)::text end,
    jsonb_build_object(
        'rights', jsonb_agg(distinct said collate "C" order by said collate "C"),
        'grantable', coalesce(jsonb_agg(distinct said collate "C" order by said collate "C") filter (where is_grantable), '[]'),
        'grantors', case when not bool_and(by_owner) then (
            select jsonb_agg(distinct g collate "C" order by g collate "C")
            from jsonb_array_elements(jsonb_agg(grantors)) as a, jsonb_array_elements_text(a) as g) end
    ),
    '{}'::jsonb, null::oid, null::oid, null::int,
    case when target <> '' then jsonb_build_array(jsonb_build_array('function', '', target)) else coalesce(
        (select jsonb_agg(distinct jsonb_build_array('column', home, c))
         from jsonb_array_elements(jsonb_agg(columns) filter (where columns is not null)) as a, jsonb_array_elements_text(a) as c), '[]')
    end
from rights
group by home, target, is_owner, grantee
"""
