-- Days of product views in a range: rows, and a digest of ids and of all that is counted by.
select
    analytics.local_day(v.view_timestamp, :timezone) as day,
    count(*) as rows,
    sum(uuid_hash_extended(
        v.id,
        uuid_hash_extended(
            v.product_id,
            coalesce(v.has_clicked_affiliate, false)::int + 11 * coalesce(v.has_shared, false)::int + 13 * coalesce(v.has_saved, false)::int
            + coalesce(hashtext(v.interaction_type), 0)::bigint
            + 3 * coalesce(hashtext(v.view_source), 0)::bigint + 5 * coalesce(v.view_position, 0)::bigint + 7 * hashtext(analytics.session_key(v.session_id))::bigint
        )
    )) as digest
from public.product_views as v
where v.view_timestamp >= :range_start and v.view_timestamp < :range_end
group by 1
