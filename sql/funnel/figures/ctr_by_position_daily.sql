-- Per day: the product views that its rows are made of, as the build itself sees them; impressions_add_up compares what was published with these.
-- Deliveries are told apart by 64 bits of a hash: counting is to cost little beside what it watches.
with delivered as materialized (
    select
        v.view_timestamp as at,
        case
            when v.interaction_type = 'impression'
                then hash_record_extended(row(v.view_timestamp, v.product_id, v.session_id, v.user_id, v.view_source, v.view_position), 0)
        end as delivery
    from public.product_views as v
    where v.view_timestamp >= :range_start and v.view_timestamp < :range_end
)
select
    analytics.local_day(d.at, :timezone) as day,
    count(*) as rows,
    count(distinct d.delivery) as impressions,
    count(*) - count(d.delivery) as other_kinds,
    count(d.delivery) - count(distinct d.delivery) as repeats
from delivered as d
group by 1
