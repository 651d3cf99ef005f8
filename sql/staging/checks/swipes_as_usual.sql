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
),
weeks as (
    select t.day - 1 as day, array_agg(coalesce(d.rows, 0) order by w.back) as counts
    from today as t
    cross join generate_series(0, 8) as w (back)
    left join days as d on d.day = t.day - 1 - 7 * w.back
    group by t.day
)
select u.*
from weeks as w, pipeline.as_usual('swipes', w.day, w.counts) as u
