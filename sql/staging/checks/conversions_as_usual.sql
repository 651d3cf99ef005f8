-- Of yesterday about as many sales are known as of that weekday in the eight weeks before, each week as it was known then.
-- asset: staging.click_facts
-- severity: warn
-- remedy: see whether the networks still report (aclue revenue import, the app's webhooks), and whether links still carry the click's id
with today as (
    select analytics.local_day(now(), :timezone) as day
),
days as (
    select analytics.local_day(s.converted_at, :timezone) as day, count(*) as rows
    from staging.click_facts as s, today as t
    where s.converted_at >= analytics.day_start(t.day - 57, :timezone) and s.converted_at < analytics.day_start(t.day, :timezone)
        -- What a network reports late was not known of the earlier weeks either when they were a day old.
        and coalesce(s.reported_at, s.first_seen_at) < now() - (t.day - 1 - analytics.local_day(s.converted_at, :timezone)) * interval '1 day'
    group by 1
)
select u.*
from today as t, pipeline.as_usual('sales', t.day - 1, pipeline.weeks_back(t.day - 1, (select jsonb_object_agg(d.day, d.rows) from days as d))) as u
