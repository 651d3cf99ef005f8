-- Closed months, their adjustments and open months add up to the days and the undated sales, to the penny; a closed month is as it was closed.
-- asset: analytics.commission_monthly
-- severity: error
-- remedy: aclue revenue rebuild; if it stays, somebody wrote to pipeline.closed_months
with months as (
    select
        coalesce(sum(m.closed), 0) as closed,
        coalesce(sum(m.open), 0) as open,
        coalesce(sum(m.adjustments), 0) as adjustments
    from analytics.commission_monthly as m
),
days as (
    select coalesce(sum(d.actual_commission), 0) as commission from analytics.commission_daily as d
),
undated as (
    select coalesce(sum(f.actual_commission), 0) as commission from staging.click_facts as f where f.converted_at is null
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
    m.closed + m.open + m.adjustments = d.commission + u.commission and c.months = 0 as passed,
    format('%s closed + %s open + %s adjustments = %s in days + %s without a date', m.closed, m.open, m.adjustments, d.commission, u.commission) as says,
    m.closed as closed,
    m.open as open,
    m.adjustments as adjustments,
    d.commission as commission_in_days,
    u.commission as commission_without_date,
    c.months as closed_rows_that_differ
from months as m, days as d, undated as u, changed as c
