-- Names of deleted accounts, and of the visitors that were known to be theirs; their numbers stay in the facts, and with the tokens that took their place.
delete from pipeline.person_numbers as n
using (
    select u.person_number
    from pipeline.person_numbers as u
    where :is_full and u.identity like 'u:%'
        and not exists (select from auth.users as a where 'u:' || a.id::text = u.identity)
) as gone
where n.person_number = gone.person_number and n.identity not like 'a:erased:%'
