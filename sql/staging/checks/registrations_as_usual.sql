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
)
select u.*
from today as t, pipeline.as_usual('accounts', t.day - 1, pipeline.weeks_back(t.day - 1, (select jsonb_object_agg(d.day, d.rows) from days as d))) as u
