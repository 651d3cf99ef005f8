-- One row per month in which people were first here, month since, and currency: what their clicks of that month brought, and all of them until then.
-- kind: whole
-- grain: cohort_month, months_since, currency
-- reads: activity_day, click_day
-- owner: team:finance
-- headline: people, converting

-- Cohort: the people who were first here (staging.person_facts: a session that lands, a click; no machine's) in the same calendar month of the reporting zone.
-- Nobody was here before ACLUE_FIRST_DAY.
-- Clock: the click's, as in revenue_daily: a sale counts in the month of its click, whenever it is reported, so that a month moves after it is over, for as
-- long as networks report. commission summed over the cohorts of one month is actual_commission of that month in revenue_daily, but for clicks that name
-- nobody; machines' clicks earn for nobody.
-- Months: 0 is the cohort's own. The month that is not over has NULL, one that is over and in which nothing was earned has 0; months to come have no
-- row, and a cohort has none before its month is over. Every cohort has a row for every currency there is.
-- Value per person: analytics.rate(commission_to_date, people) of one currency, over cohorts of the same months_since.
with bounds as (
    select
        t.this_month as this_month,
        analytics.day_start(:first_day::date, :timezone) as begins_at,
        analytics.day_start(t.this_month, :timezone) as ends_at
    from (select date_trunc('month', analytics.local_day(:now::timestamptz, :timezone)::timestamp)::date as this_month) as t
),
people as (
    select
        p.person_number as person_number,
        date_trunc('month', analytics.local_day(p.first_here_at, :timezone)::timestamp)::date as cohort_month
    from staging.person_facts as p, bounds as b
    where p.first_here_at < b.ends_at
),
cohorts as (
    select p.cohort_month as cohort_month, count(*) as people
    from people as p
    group by p.cohort_month
),
clicks as (
    select
        p.cohort_month as cohort_month,
        c.currency as currency,
        p.person_number as person_number,
        analytics.local_day(c.clicked_at, :timezone) as day,
        c.counted_as_converted as is_converted,
        c.counted_commission as commission
    from staging.click_facts as c
    join people as p on p.person_number = c.person_number
    cross join bounds as b
    where c.verdict = 'valid' and c.clicked_at >= b.begins_at and c.clicked_at < b.ends_at
),
by_person as (
    select
        c.cohort_month as cohort_month,
        c.currency as currency,
        (
            12 * (extract(year from c.day) - extract(year from c.cohort_month)) + extract(month from c.day) - extract(month from c.cohort_month)
        )::int as months_since,
        c.person_number as person_number,
        bool_or(c.is_converted) as is_converted,
        count(*) filter (where c.is_converted and c.commission is null) as without_amount,
        sum(c.commission) as commission
    from clicks as c
    group by 1, 2, 3, 4
),
earned as (
    select
        e.cohort_month as cohort_month,
        e.currency as currency,
        e.months_since as months_since,
        count(*) filter (where e.is_converted) as converting,
        count(*) filter (where e.is_first) as converting_first,
        sum(e.without_amount)::bigint as without_amount,
        sum(e.commission) as commission
    from (
        select
            p.*,
            p.is_converted
            and row_number() over (partition by p.person_number, p.currency, p.is_converted order by p.months_since) = 1 as is_first
        from by_person as p
    ) as e
    group by 1, 2, 3
),
grid as (
    select
        c.cohort_month as cohort_month,
        k.months_since as months_since,
        y.currency as currency,
        c.people as people,
        (c.cohort_month + k.months_since * interval '1 month')::date < b.this_month as is_over
    from cohorts as c
    cross join bounds as b
    cross join (select distinct e.currency from earned as e) as y
    cross join lateral generate_series(
        0,
        (12 * (extract(year from b.this_month) - extract(year from c.cohort_month)) + extract(month from b.this_month) - extract(month from c.cohort_month))::int
    ) as k (months_since)
)
select
    g.cohort_month as cohort_month, -- First day of the month in which the people were first here.
    g.months_since::int as months_since, -- Months since that month, which is 0.
    g.currency as currency, -- Currency of all amounts of the row (ISO 4217), the product's when the click was first seen; '(not set)' where it had none.
    g.people as people, -- People of the cohort. Not additive: they stand in each of its months and currencies; sum it over the rows of one of each.
    case when g.is_over then coalesce(e.converting, 0) end
        as converting, -- Those of them for one of whose valid clicks of that month a sale has been reported, to now; NULL: the month is not over. Not additive
                       -- over months and currencies, in which the same people buy.
    case when g.is_over then coalesce(sum(e.converting_first) over cohort, 0)::bigint end
        as converting_to_date, -- The same of the clicks of that month and of all before it. Not additive: it is a running sum of people.
    case when g.is_over then coalesce(e.commission, 0) end
        as commission, -- Sum reported for their valid clicks of that month and the repeats of these, in currency, to now; 0: nothing; NULL: the month is not
                       -- over. Additive within a currency.
    case when g.is_over then coalesce(sum(e.commission) over cohort, 0) end
        as commission_to_date, -- The same of the clicks of that month and of all before it, in currency. Not additive over months: it is a running sum.
    case when g.is_over then coalesce(e.without_amount, 0) end
        as conversions_without_amount -- Converted clicks of that month for which no amount has been reported yet; NULL: it is not over. Additive.
from grid as g
left join earned as e on e.cohort_month = g.cohort_month and e.months_since = g.months_since and e.currency = g.currency
window cohort as (partition by g.cohort_month, g.currency order by g.months_since rows unbounded preceding)

-- query: revenue per cohort month
--   select distinct on (r.cohort_month, r.currency)
--       r.cohort_month, r.currency, r.people, r.months_since, r.converting_to_date, r.commission_to_date,
--       analytics.rate(r.commission_to_date, r.people) as per_person
--   from analytics.cohort_value_monthly as r
--   where r.commission is not null
--   order by r.cohort_month, r.currency, r.months_since desc
-- query: what a person is worth after 1, 3 and 6 months, over the cohorts that are that old
--   select
--       r.currency, r.months_since, count(*) as cohorts, sum(r.people) as people,
--       analytics.rate(sum(r.commission_to_date), sum(r.people)) as per_person
--   from analytics.cohort_value_monthly as r
--   where r.months_since in (1, 3, 6) and r.commission is not null
--   group by 1, 2
--   order by 1, 2
