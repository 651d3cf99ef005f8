-- Yesterday brought about as many clicks as that weekday has in the eight weeks before, repeats and machines' included.
-- asset: staging.click_facts
-- severity: warn
-- remedy: see whether the app still writes affiliate_clicks, or who writes so many; which of them count says aclue report revenue
with today as (
    select analytics.local_day(now(), :timezone) as day
),
days as (
    select analytics.local_day(s.clicked_at, :timezone) as day, count(*) as rows
    from staging.click_facts as s, today as t
    where s.clicked_at >= analytics.day_start(t.day - 57, :timezone) and s.clicked_at < analytics.day_start(t.day, :timezone)
    group by 1
)
select u.*
from today as t, pipeline.as_usual('clicks', t.day - 1, pipeline.weeks_back(t.day - 1, (select jsonb_object_agg(d.day, d.rows) from days as d))) as u
