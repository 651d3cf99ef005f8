-- Per day: the product views that there were, as the build itself sees them; impressions_add_up compares what was published with these.
-- Deliveries are counted, not what they deliver: telling a million of them apart would take a third as long as the build.
select
    analytics.day_within(:range_start, :range_end, v.view_timestamp, :timezone) as day,
    count(*) as rows,
    count(*) filter (where v.interaction_type = 'impression') as deliveries,
    sum(uuid_hash_extended(v.id, coalesce(v.has_clicked_affiliate, false)::int)) as digest
from public.product_views as v
where v.view_timestamp >= :range_start and v.view_timestamp < :range_end
group by 1
