-- One row per week in which people were first here, campaign that brought them, and week since: how many of them came back.
-- kind: whole
-- grain: cohort_week, weeks_since, utm_source, utm_campaign
-- reads: activity_day
-- owner: team:analytics
-- headline: people, active

-- Cohort: the people who were first here (staging.person_facts: a session that lands, a click; no machine's) in the same week, Monday to Sunday in the
-- reporting zone. Nobody was here before ACLUE_FIRST_DAY. Source and campaign are those of that first session or click, whatever brought them later;
-- a session comes before a click of the same instant.
-- Weeks: 0 is the cohort's own week, in which all of it was here; up to 52. The week that is not over has NULL, one that is over and in which nobody came
-- has 0; weeks to come have no row, and a cohort has none before its week is over.
-- Other: campaigns that brought fewer than 5 people in the week, or are not among its 50 largest, stand together as '(other)', so that no text that a
-- client writes makes a row of its own and no row is about somebody. A late session may move a campaign in or out of it.
-- Two retentions: `active` is bounded (here in that very week), `active_or_later` unbounded (here in that week or in a later one that is over), which is
-- never smaller and falls from week to week. The rate is of sums over rows of one weeks_since: analytics.rate(sum(active), sum(people)); its bounds
-- analytics.wilson_low and wilson_high are right as they stand, since people are independent of each other.
with bounds as (
    select
        t.this_week as this_week,
        analytics.day_start(:first_day::date, :timezone) as begins_at,
        analytics.day_start(t.this_week, :timezone) as ends_at
    from (select date_trunc('week', analytics.local_day(:now::timestamptz, :timezone)::timestamp)::date as this_week) as t
),
weeks as (
    select
        a.person_number as person_number,
        date_trunc('week', analytics.local_day(a.active_at, :timezone)::timestamp)::date as week
    from staging.activity as a, bounds as b
    where not a.is_machine and a.person_number is not null and a.active_at >= b.begins_at and a.active_at < b.ends_at
    group by 1, 2
),
last_weeks as (
    select w.person_number as person_number, max(w.week) as week
    from weeks as w
    group by w.person_number
),
brought as (
    select distinct on (p.person_number)
        p.person_number as person_number,
        date_trunc('week', analytics.local_day(p.first_here_at, :timezone)::timestamp)::date as cohort_week,
        l.week as last_week,
        a.utm_source as utm_source,
        a.utm_campaign as utm_campaign
    from staging.person_facts as p
    join last_weeks as l on l.person_number = p.person_number
    join staging.activity as a on a.person_number = p.person_number and a.active_at = p.first_here_at and not a.is_machine
    order by p.person_number, a.click_id is not null, a.utm_source collate "C", a.utm_campaign collate "C"
),
sizes as (
    select
        g.*,
        g.people >= 5
        and row_number() over (partition by g.cohort_week order by g.people desc, g.utm_source collate "C", g.utm_campaign collate "C") <= 50 as is_named
    from (
        select b.cohort_week as cohort_week, b.utm_source as utm_source, b.utm_campaign as utm_campaign, count(*) as people
        from brought as b
        group by 1, 2, 3
    ) as g
),
members as (
    select
        b.person_number as person_number,
        b.cohort_week as cohort_week,
        b.last_week as last_week,
        case when s.is_named then b.utm_source else '(other)' end as utm_source,
        case when s.is_named then b.utm_campaign else '(other)' end as utm_campaign
    from brought as b
    join sizes as s on s.cohort_week = b.cohort_week and s.utm_source = b.utm_source and s.utm_campaign = b.utm_campaign
),
cohorts as (
    select m.cohort_week as cohort_week, m.utm_source as utm_source, m.utm_campaign as utm_campaign, count(*) as people
    from members as m
    group by 1, 2, 3
),
active as (
    select
        m.cohort_week as cohort_week,
        m.utm_source as utm_source,
        m.utm_campaign as utm_campaign,
        (w.week - m.cohort_week) / 7 as weeks_since,
        count(*) as people
    from members as m
    join weeks as w on w.person_number = m.person_number
    group by 1, 2, 3, 4
),
last_seen as (
    select
        m.cohort_week as cohort_week,
        m.utm_source as utm_source,
        m.utm_campaign as utm_campaign,
        least((m.last_week - m.cohort_week) / 7, 52) as weeks_since,
        count(*) as people
    from members as m
    group by 1, 2, 3, 4
)
select
    c.cohort_week as cohort_week, -- Monday of the week in which the people were first here.
    k.weeks_since::int as weeks_since, -- Weeks since that week, which is 0.
    c.utm_source as utm_source, -- Campaign source that brought them first; '(not set)' where none, '(other)' as above.
    c.utm_campaign as utm_campaign, -- Campaign that brought them first; '(not set)' where none, '(other)' as above.
    c.people as people, -- People of the cohort. Not additive: they stand in each of its weeks; sum it over the rows of one weeks_since.
    case when c.cohort_week + 7 * k.weeks_since < b.this_week then coalesce(a.people, 0) end
        as active, -- Those of them who were here in that week; NULL: it is not over. Not additive over weeks, in which the same people come back; over
                   -- cohorts and campaigns of one weeks_since it is.
    case
        when c.cohort_week + 7 * k.weeks_since < b.this_week
            then coalesce(
                sum(l.people) over (partition by c.cohort_week, c.utm_source, c.utm_campaign order by k.weeks_since desc rows unbounded preceding), 0
            )::bigint
    end as active_or_later -- Those who were here in that week or in a later one that is over; NULL: it is not over. Not additive over weeks, like active.
from cohorts as c
cross join bounds as b
cross join lateral generate_series(0, least((b.this_week - c.cohort_week) / 7, 52)) as k (weeks_since)
left join active as a
    on a.cohort_week = c.cohort_week and a.utm_source = c.utm_source and a.utm_campaign = c.utm_campaign and a.weeks_since = k.weeks_since
left join last_seen as l
    on l.cohort_week = c.cohort_week and l.utm_source = c.utm_source and l.utm_campaign = c.utm_campaign and l.weeks_since = k.weeks_since

-- query: week-1 retention of a campaign
--   select
--       r.utm_source, r.utm_campaign, sum(r.people) as people, sum(r.active) as back_after_a_week,
--       analytics.rate(sum(r.active), sum(r.people)) as retention,
--       analytics.wilson_low(sum(r.active), sum(r.people)) as low,
--       analytics.wilson_high(sum(r.active), sum(r.people)) as high
--   from analytics.retention_weekly as r
--   where r.weeks_since = 1 and r.active is not null
--   group by 1, 2
--   order by 3 desc
-- query: how retention falls week by week, bounded and unbounded
--   select
--       r.weeks_since, sum(r.people) as people,
--       analytics.rate(sum(r.active), sum(r.people)) as that_week,
--       analytics.rate(sum(r.active_or_later), sum(r.people)) as that_week_or_later
--   from analytics.retention_weekly as r
--   where r.active is not null
--   group by 1
--   order by 1
