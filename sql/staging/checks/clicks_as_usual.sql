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
),
weeks as (
    select t.day - 1 as day, array_agg(coalesce(d.rows, 0) order by w.back) as counts
    from today as t
    cross join generate_series(0, 8) as w (back)
    left join days as d on d.day = t.day - 1 - 7 * w.back
    group by t.day
)
select u.*
from weeks as w, pipeline.as_usual('clicks', w.day, w.counts) as u
