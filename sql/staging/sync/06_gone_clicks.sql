-- Clicks whose row is there again, and, in a full look, those whose row is gone: kept as they are, and counted.
update staging.click_facts as f set gone_at = null from changed_clicks as c where f.click_id = c.click_id and c.was_gone;

update staging.click_facts as f set gone_at = :synced_at
where :is_full and f.gone_at is null and not exists (select from public.affiliate_clicks as c where c.id = f.click_id);

-- Products likewise.
update staging.product_facts as f set gone_at = null
where :is_full and f.gone_at is not null and exists (select from public.products as p where p.id = f.product_id);

update staging.product_facts as f set gone_at = :synced_at
where :is_full and f.gone_at is null and not exists (select from public.products as p where p.id = f.product_id)
