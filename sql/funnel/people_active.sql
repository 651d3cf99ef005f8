-- One row per day, and on its last day per week and month: how many different people were here, new and returning, and what they did.
-- kind: daily
-- grain: day, period
-- clock: landing of the session, click_timestamp of the click (reporting zone)
-- reads: activity_day
-- owner: team:analytics

-- Periods: a row stands on the last day of its period, once that is over: a Sunday also has the row of its week (weeks begin on Monday), a month's last day
-- that of its month. Filter on `period` before anything else: a row of a week is not the sum of its days' rows, since whoever came on two days is in both.
-- Who: a person is the user, with all that the browser did before signing in, else the visitor, else the lone session. A person is here when a session of
-- theirs lands or they click (staging.activity); sessions known from their events only (orphans) count. Events without a date belong to no day.
-- First time: whether the person was first here in the period (staging.person_facts). Each person is first here on exactly one day, so
-- that first_time alone adds up: that of a week is the sum of that of its days.
-- Machines: an identity of which nothing but a machine's sessions and clicks is known in the period stands in `machines` and nowhere else.
-- A row moves when something of its period is reported late: a click, a session, a sale (the click's day decides, whenever it converts), a sign-in that
-- makes two people one. Rates: analytics.rate(returned, people), and analytics.rate(with_conversion, people) with wilson_low and wilson_high, which
-- are right as they stand, since people are independent of each other.
with dates as (
    select g.day::date as day
    from generate_series(
        analytics.local_day(:range_start, :timezone)::timestamp, analytics.local_day(:range_end, :timezone)::timestamp - interval '1 day', interval '1 day'
    ) as g (day)
),
periods as materialized (
    select
        row_number() over () as number,
        d.day as day,
        p.period as period,
        p.period_start as period_start,
        analytics.day_start(greatest(p.period_start, :first_day::date), :timezone) as begins_at,
        analytics.day_start(d.day + 1, :timezone) as ends_at
    from dates as d
    join (values ('day'), ('week'), ('month')) as v (period)
        on case v.period when 'day' then true when 'week' then extract(isodow from d.day) = 7 else extract(day from d.day + 1) = 1 end
    cross join lateral (select v.period as period, date_trunc(v.period, d.day::timestamp)::date as period_start) as p
),
here as (
    select
        p.number as number,
        a.person_number as person_number,
        bool_and(a.is_machine) as is_machine,
        bool_or(a.is_signed_in and not a.is_machine) as is_signed_in,
        count(*) filter (where a.click_id is not null and not a.is_machine) as clicks,
        bool_or(a.is_converted) as is_converted
    from periods as p
    join staging.activity as a on a.active_at >= p.begins_at and a.active_at < p.ends_at
    group by 1, 2
),
counted as (
    select
        h.number as number,
        count(*) filter (where h.person_number is not null and not h.is_machine) as people,
        count(*) filter (where h.is_signed_in) as signed_in,
        count(*) filter (where h.person_number is not null and h.clicks > 0) as with_click,
        count(*) filter (where h.person_number is not null and h.is_converted) as with_conversion,
        count(*) filter (where h.person_number is not null and h.is_machine) as machines,
        coalesce(sum(h.clicks) filter (where h.person_number is null), 0)::bigint as clicks_of_nobody
    from here as h
    group by h.number
),
begun as (
    select
        p.number as number,
        count(f.person_number) as people
    from periods as p
    left join staging.person_facts as f on f.first_here_at >= p.begins_at and f.first_here_at < p.ends_at
    group by p.number
)
select
    p.day as day, -- Last day of the period, in the reporting zone.
    p.period::text as period, -- day, week or month.
    p.period_start::date as period_start, -- First day of the period.
    c.people as people, -- Different people who were here. Not additive: whoever came on two days is in both; take the row of the week or month.
    b.people as first_time, -- Those of the people who were first here in it. Additive within a period.
    c.people - b.people as returned, -- The other people: they had been here before the period. Not additive, like people.
    c.signed_in as signed_in, -- Those of the people who were signed in in a session of the period. Not additive, like people.
    c.with_click as with_click, -- Those of the people who made an affiliate click in the period. Not additive, like people.
    c.with_conversion
        as with_conversion, -- Those of the people for one of whose clicks of the period a sale has been reported, to now. Not additive, like people.
    c.machines as machines, -- Identities that were here as machines only; in no other column. Not additive, like people.
    c.clicks_of_nobody as clicks_of_nobody -- Clicks of people that name neither user, visitor nor session; in no other column. Additive within a period.
from counted as c
join periods as p on p.number = c.number
left join begun as b on b.number = c.number

-- query: weekly active people
--   select r.period_start as week, r.people, r.first_time, r.returned, r.signed_in
--   from analytics.people_active as r
--   where r.period = 'week'
--   order by 1
-- query: which share of each month's people buys, with its bounds
--   select
--       r.period_start as month, r.people, r.with_conversion,
--       analytics.rate(r.with_conversion, r.people) as share,
--       analytics.wilson_low(r.with_conversion, r.people) as low,
--       analytics.wilson_high(r.with_conversion, r.people) as high
--   from analytics.people_active as r
--   where r.period = 'month'
--   order by 1
