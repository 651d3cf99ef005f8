-- Days of swipes in a range: rows, and a digest of ids and directions.
select
    analytics.local_day(s.swipe_timestamp, :timezone) as day,
    count(*) as rows,
    sum(uuid_hash_extended(s.id, coalesce(hashtext(s.swipe_direction), 0))) as digest
from public.swipe_interactions as s
where s.swipe_timestamp >= :range_start and s.swipe_timestamp < :range_end
group by 1
