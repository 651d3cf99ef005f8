-- Per day: the sessions that landed, and those of them that opened a product's page within the window, as the build itself sees them.
with opened as (
    select distinct f.session_number as session_number
    from public.product_views as v
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(v.session_id)
    join staging.session_facts as f on f.session_number = n.session_number
    where f.landed_at >= :range_start and f.landed_at < :range_end
        and v.interaction_type = 'detail_view'
        and v.view_timestamp >= :range_start and v.view_timestamp <= :range_end + :funnel_window_days * interval '24 hours'
        and v.view_timestamp - f.landed_at between interval '0' and :funnel_window_days * interval '24 hours'
)
select
    analytics.day_within(:range_start, :range_end, f.landed_at, :timezone) as day,
    count(*) as sessions,
    count(o.session_number) as viewed
from staging.session_facts as f
left join opened as o on o.session_number = f.session_number
where f.landed_at >= :range_start and f.landed_at < :range_end
group by 1
