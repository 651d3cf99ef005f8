-- Every person who was here on a day is counted on it, new or returned, as the facts say now, or the day is in one named bucket.
-- asset: analytics.people_active
-- severity: error
-- remedy: aclue funnel rebuild # if a day stays different, aclue funnel rebuild --from … --to … over the days named here
with here as (
    select distinct a.person_number as person_number, analytics.local_day(a.active_at, :timezone) as day
    from staging.activity as a
    where not a.is_machine and a.person_number is not null and a.active_at >= analytics.day_start(:first_day::date, :timezone)
),
facts as (
    select h.day as day, count(*) as people, count(*) filter (where h.is_first) as first_time
    from (
        select r.day as day, r.day = min(r.day) over (partition by r.person_number) as is_first from here as r
    ) as h
    group by h.day
),
published as (
    select r.day as day, r.people as people, r.first_time as first_time, r.returned as returned
    from analytics.people_active as r
    where r.period = 'day'
),
counted as (
    select
        coalesce(f.day, p.day) as day,
        coalesce(f.people, 0) as rows,
        (coalesce(f.people, 0), coalesce(f.first_time, 0)) <> (coalesce(p.people, 0), coalesce(p.first_time, 0))
        or p.first_time + p.returned <> p.people as differs
    from facts as f
    full join published as p on p.day = f.day
)
select
    a.*,
    (select coalesce(sum(f.first_time), 0) from facts as f) as different_people
from pipeline.adds_up('analytics.people_active', 'people of days', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
