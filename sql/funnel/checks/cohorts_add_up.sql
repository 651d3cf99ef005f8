-- Every week's cohorts hold the people who were new in that week; all were here in week 0, and of those who come in a week or later none is added later.
-- asset: analytics.retention_weekly
-- severity: error
-- remedy: aclue funnel rebuild # if it stays, compare the weeks named here with analytics.people_active
with weeks as (
    select
        r.*,
        lag(r.active_or_later) over (partition by r.cohort_week, r.utm_source, r.utm_campaign order by r.weeks_since) as before
    from analytics.retention_weekly as r
),
cohorts as (
    select
        w.cohort_week as cohort_week,
        sum(w.people) filter (where w.weeks_since = 0) as people,
        bool_or(w.weeks_since = 0 and w.active is distinct from w.people or w.active > w.active_or_later or w.active_or_later > w.before) as grows
    from weeks as w
    group by w.cohort_week
),
-- Where a change waits to be taken in, in either table, they may differ.
waiting as (
    select count(*) as changes
    from pipeline.dirty as x
    where x.table_name in ('analytics.people_active', 'analytics.retention_weekly') and x.cause <> 'new day'
),
known as (
    select r.period_start as cohort_week, r.first_time as people
    from analytics.people_active as r, waiting as w
    where r.period = 'week' and w.changes = 0
        and r.day < date_trunc('week', analytics.local_day((
            select max(p.at) from pipeline.publications as p where p.table_name = 'analytics.retention_weekly'
        ), :timezone)::timestamp)::date
),
differing as (
    select coalesce(c.cohort_week, k.cohort_week) as cohort_week, coalesce(c.people, 0) as people, k.people as new_people
    from cohorts as c
    full join known as k on k.cohort_week = c.cohort_week
    where c.grows or coalesce(c.people, 0) <> k.people
)
select
    not exists (select 1 from differing) as passed,
    format(
        '%s people in %s cohort weeks, %s of these compared with people_active; %s differ', (select coalesce(sum(c.people), 0) from cohorts as c),
        (select count(*) from cohorts), (select count(*) from known), (select count(*) from differing)
    ) as says,
    (select count(*) from known) as compared,
    (select w.changes from waiting as w) as waiting,
    (
        select coalesce(jsonb_agg(to_jsonb(d) order by d.cohort_week), '[]')
        from (select f.* from differing as f order by f.cohort_week limit 40) as d
    ) as differing
