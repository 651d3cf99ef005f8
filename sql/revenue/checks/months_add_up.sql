-- Closed months, their adjustments and open months add up to the days and the undated sales, to the penny; a closed month is as it was closed.
-- asset: analytics.commission_monthly
-- severity: error
-- remedy: aclue revenue rebuild # if it stays, somebody wrote to pipeline.closed_months
with months as (
    select
        coalesce(sum(m.closed), 0) as closed,
        coalesce(sum(m.open), 0) as open,
        coalesce(sum(m.adjustments), 0) as adjustments
    from analytics.commission_monthly as m
),
published as (
    select coalesce(max(p.at), 'infinity') as at from pipeline.publications as p where p.table_name = 'analytics.commission_monthly'
),
-- The months say what the days said when they were computed; what was published of days since waits for the end of its rebuild.
seen as (
    select coalesce(sum(d.actual_commission), 0) as commission from published as p cross join lateral history.commission_daily(p.at) as d
),
days as (
    select
        coalesce(sum(d.actual_commission), 0) as commission,
        (select max(p.at) from pipeline.publications as p where p.table_name = 'analytics.commission_daily') >= now() - interval '1 day' as is_new
    from analytics.commission_daily as d
),
undated as (
    select
        coalesce(sum(f.actual_commission), 0) as commission,
        exists (select 1 from pipeline.syncs as s, published as p where s.clicks > 0 and s.synced_at > p.at and s.synced_at >= now() - interval '1 day')
            as is_new,
        (select coalesce(sum(m.open), 0) from analytics.commission_monthly as m where m.month is null) as in_months
    from staging.click_facts as f
    where f.converted_at is null
),
changed as (
    select count(*) as months
    from pipeline.closed_months as c
    full join (
        select m.* from analytics.commission_monthly as m where m.closed is not null
    ) as m on m.month = c.month and m.currency = c.currency and m.affiliate_network = c.affiliate_network
    where (c.commission, c.adjustments) is distinct from (m.closed, m.adjustments)
)
select
    m.closed + m.open + m.adjustments - u.in_months = e.commission
    and (e.commission = d.commission or d.is_new is true)
    and (u.in_months = u.commission or u.is_new)
    and c.months = 0
        as passed,
    format(
        '%s closed + %s open + %s adjustments = %s in days + %s without a date; %s published since', m.closed, m.open, m.adjustments,
        e.commission, u.in_months, d.commission + u.commission - e.commission - u.in_months
    ) as says,
    m.closed as closed,
    m.open as open,
    m.adjustments as adjustments,
    e.commission as commission_in_days,
    u.in_months as commission_without_date,
    d.commission + u.commission - e.commission - u.in_months as published_since,
    c.months as closed_rows_that_differ
from months as m, seen as e, days as d, undated as u, changed as c
