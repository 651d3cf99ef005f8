-- Yesterday about as many accounts were made, anonymous ones included, as on that weekday in the eight weeks before.
-- asset: staging.person_facts
-- severity: warn
-- remedy: try to sign up; where there are too many, see Supabase's limits and captcha of sign-ups
with today as (
    select analytics.local_day(now(), :timezone) as day
),
days as (
    select analytics.local_day(s.created_at, :timezone) as day, count(*) as rows
    from auth.users as s, today as t
    where s.created_at >= analytics.day_start(t.day - 57, :timezone) and s.created_at < analytics.day_start(t.day, :timezone)
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
from weeks as w, pipeline.as_usual('accounts', w.day, w.counts) as u
