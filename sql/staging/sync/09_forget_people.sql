-- Names of deleted accounts, and of the visitors that were known to be theirs; their numbers stay in the facts.
delete from pipeline.person_numbers as n
using (
    select u.person_number
    from pipeline.person_numbers as u
    where :is_full and u.identity like 'u:%'
        and not exists (select from auth.users as a where 'u:' || a.id::text = u.identity)
) as gone
where n.person_number = gone.person_number;

update staging.product_facts as f set gone_at = null
where :is_full and f.gone_at is not null and exists (select from public.products as p where p.id = f.product_id);

update staging.product_facts as f set gone_at = :synced_at
where :is_full and f.gone_at is null and not exists (select from public.products as p where p.id = f.product_id)
