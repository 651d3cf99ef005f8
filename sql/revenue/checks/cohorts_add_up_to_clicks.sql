-- What cohorts brought in a month is what its valid clicks did, to the penny, but for clicks that name nobody; what they brought to date is its running sum.
-- asset: analytics.cohort_value_monthly
-- severity: error
-- remedy: aclue revenue rebuild # if it stays, compare the months named here with analytics.revenue_daily
with rows as (
    select
        v.*,
        sum(v.commission) over (partition by v.cohort_month, v.currency order by v.months_since) as running
    from analytics.cohort_value_monthly as v
),
published as (
    select
        (r.cohort_month + r.months_since * interval '1 month')::date as month,
        r.currency as currency,
        sum(r.commission) as commission,
        bool_or(r.commission_to_date <> r.running or r.converting > r.converting_to_date or r.converting_to_date > r.people) as is_wrong
    from rows as r
    where r.commission is not null
    group by 1, 2
),
-- Where a change waits to be taken in, months may differ.
waiting as (
    select count(*) as changes from pipeline.dirty as x where x.table_name = 'analytics.cohort_value_monthly' and x.cause <> 'new day'
),
last_published as (
    select date_trunc('month', analytics.local_day(max(p.at), :timezone)::timestamp)::date as month
    from pipeline.publications as p
    where p.table_name = 'analytics.cohort_value_monthly'
),
clicks as (
    select
        date_trunc('month', analytics.local_day(c.clicked_at, :timezone)::timestamp)::date as month,
        c.currency as currency,
        coalesce(sum(c.counted_commission) filter (where c.person_number is not null), 0) as commission,
        coalesce(sum(c.counted_commission) filter (where c.person_number is null), 0) as of_nobody
    from staging.click_facts as c
    where c.verdict = 'valid' and c.clicked_at >= analytics.day_start(:first_day::date, :timezone)
    group by 1, 2
),
facts as (
    select c.* from clicks as c, last_published as l, waiting as w where c.month < l.month and w.changes = 0
),
differing as (
    select coalesce(p.month, f.month) as month, coalesce(p.currency, f.currency) as currency, p.commission as in_cohorts, f.commission as of_clicks
    from published as p
    full join facts as f on f.month = p.month and f.currency = p.currency
    where p.is_wrong or coalesce(p.commission, 0) <> f.commission
)
select
    not exists (select 1 from differing) as passed,
    format(
        '%s in cohorts of %s months and currencies, %s of these compared with their clicks; %s differ', (select coalesce(sum(p.commission), 0) from published as p),
        (select count(*) from published), (select count(*) from facts), (select count(*) from differing)
    ) as says,
    (select count(*) from facts) as compared,
    (select w.changes from waiting as w) as waiting,
    (select coalesce(sum(f.of_nobody), 0) from facts as f) as commission_of_nobody,
    (
        select coalesce(jsonb_agg(to_jsonb(d) order by d.month, d.currency), '[]')
        from (select f.* from differing as f order by f.month, f.currency limit 40) as d
    ) as differing
