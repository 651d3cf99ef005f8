-- Per day: the sessions that landed, machines' and orphans apart, and how long the others are known to have lasted, as the build itself sees them.
select
    analytics.day_within(:range_start, :range_end, f.landed_at, :timezone) as day,
    count(*) filter (where not f.is_machine and not f.is_orphan) as sessions,
    count(*) filter (where f.is_machine) as machine_sessions,
    count(*) filter (where f.is_orphan and not f.is_machine) as orphan_sessions,
    coalesce(sum(f.engaged_seconds) filter (where not f.is_machine and not f.is_orphan), 0) as engaged_seconds
from staging.session_facts as f
where f.landed_at >= :range_start and f.landed_at < :range_end
group by 1
