-- Products seen for the first time.
insert into staging.product_facts (product_id, currency, brand, category, first_seen_at)
select
    p.product_id,
    analytics.dimension(p.currency),
    nullif(analytics.dimension(p.brand), '(not set)'),
    nullif(analytics.dimension(p.category), '(not set)'),
    :synced_at
from staging.products as p
where not exists (select from staging.product_facts as f where f.product_id = p.product_id)
on conflict do nothing
