-- Days of product views in a range: rows, and a digest of ids, kinds and flags.
select
    analytics.local_day(v.view_timestamp, :timezone) as day,
    count(*) as rows,
    sum(uuid_hash_extended(v.id, coalesce(v.has_clicked_affiliate, false)::int + coalesce(hashtext(v.interaction_type), 0)::bigint)) as digest
from public.product_views as v
where v.view_timestamp >= :range_start and v.view_timestamp < :range_end
group by 1
