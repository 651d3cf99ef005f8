-- Yesterday brought about as many swipes as that weekday has in the eight weeks before.
-- asset: staging.swipes
-- severity: warn
-- remedy: see whether the app still writes swipe_interactions, or who writes so many
with today as (
    select analytics.local_day(now(), :timezone) as day
),
days as (
    select analytics.local_day(s.swipe_timestamp, :timezone) as day, count(*) as rows
    from public.swipe_interactions as s, today as t
    where s.swipe_timestamp >= analytics.day_start(t.day - 57, :timezone) and s.swipe_timestamp < analytics.day_start(t.day, :timezone)
    group by 1
)
select u.*
from today as t, pipeline.as_usual('swipes', t.day - 1, pipeline.weeks_back(t.day - 1, (select jsonb_object_agg(d.day, d.rows) from days as d))) as u
