-- Numbers for who is named for the first time; then visitors that are known to be one user take that user's number. One that was ever seen with
-- several users has its own, for good: neither a deleted product nor a deleted account gives its clicks to the other user.
create temporary table visitors on commit drop as
select
    t.visitor,
    analytics.person(null, t.visitor, null) as identity,
    analytics.person(min(i.user_id::text)::uuid, null, null) as user_identity,
    count(distinct i.user_id) as users
from (select c.visitor from changed_clicks as c union select s.visitor from session_rows as s) as t
join staging.identities as i on i.visitor = t.visitor
group by t.visitor;
analyze visitors;

insert into pipeline.person_numbers (identity, identity_number, person_number)
select t.identity, t.number, t.number
from (
    select i.identity, ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint as number
    from (
        select c.identity from changed_clicks as c where not c.is_known or c.user_id is not null
        union
        select s.identity from session_rows as s where not s.is_known or s.user_id is not null
        union
        select v.identity from visitors as v
        union
        select v.user_identity from visitors as v
    ) as i
    where i.identity is not null
) as t
on conflict do nothing;

create temporary table renumbered on commit drop as
select n.identity, n.identity_number, n.person_number, n.number_before, n.is_shared
from (
    select
        a.identity,
        a.identity_number,
        a.person_number as number_before,
        k.is_shared,
        case when k.is_shared then a.identity_number else u.identity_number end as person_number
    from visitors as v
    join pipeline.person_numbers as a on a.identity = v.identity
    join pipeline.person_numbers as u on u.identity = v.user_identity
    cross join lateral (
        select a.is_shared or v.users > 1 or a.person_number not in (a.identity_number, u.identity_number) as is_shared
    ) as k
    where a.is_shared is distinct from k.is_shared
        or a.person_number is distinct from case when k.is_shared then a.identity_number else u.identity_number end
) as n;

update pipeline.person_numbers as n set person_number = r.person_number, is_shared = r.is_shared from renumbered as r where n.identity = r.identity
