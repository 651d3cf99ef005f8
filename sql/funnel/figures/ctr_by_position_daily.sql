-- Per day: the product views that its rows are made of, as the build itself sees them; impressions_add_up compares what was published with these.
select
    analytics.local_day(v.view_timestamp, :timezone) as day,
    count(*) as rows,
    count(k.view_id) filter (where k.interaction_type = 'impression' and not k.is_machine) as impressions,
    count(k.view_id) filter (where k.interaction_type = 'impression' and k.is_machine) as machine_impressions,
    count(k.view_id) filter (where k.interaction_type = 'impression' and not k.is_machine and k.has_clicked_affiliate) as clicked_impressions,
    count(k.view_id) filter (where k.interaction_type is distinct from 'impression') as other_kinds,
    count(*) - count(k.view_id) as repeats
from public.product_views as v
left join staging.views as k on k.view_id = v.id and k.viewed_at >= :range_start and k.viewed_at < :range_end
where v.view_timestamp >= :range_start and v.view_timestamp < :range_end
group by 1
