-- What stands for an erased person in rows that no sync has seen yet has that person's number.
insert into pipeline.person_numbers (identity, identity_number, person_number)
select 'a:' || e.token, ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint, n.person_number
from (select distinct t.user_id, t.token from pipeline.erasures as t) as e
join pipeline.person_numbers as n on n.identity = 'u:' || e.user_id::text
on conflict do nothing
