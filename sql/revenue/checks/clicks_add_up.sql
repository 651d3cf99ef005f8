-- Rows in = rows in days + rows in named buckets, and the money to the penny: every click of the 35 newest computed days, and every one without a date.
-- asset: analytics.revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild
with built as (
    select d.day as day, (d.day::timestamp at time zone :timezone) as begins, ((d.day + 1)::timestamp at time zone :timezone) as ends
    from pipeline.days as d
    where d.table_name = 'analytics.revenue_daily'
        and d.day > (select max(l.day) from pipeline.days as l where l.table_name = 'analytics.revenue_daily') - 35
),
dated as (
    select count(*) as clicks, coalesce(sum(c.actual_commission), 0) as commission
    from built as b
    join public.affiliate_clicks as c on c.click_timestamp >= b.begins and c.click_timestamp < b.ends
),
undated as (
    select count(*) as clicks, coalesce(sum(c.actual_commission), 0) as commission
    from public.affiliate_clicks as c
    where c.click_timestamp is null
),
source as (
    select
        d.clicks + u.clicks as rows_in,
        u.clicks as no_date,
        d.commission + u.commission as commission_in,
        u.commission as commission_no_date
    from dated as d, undated as u
),
set_aside as (
    select count(*) as duplicate
    from built as b
    join staging.clicks as c on c.click_timestamp >= b.begins and c.click_timestamp < b.ends
    where c.verdict = 'duplicate'
),
published as (
    select
        coalesce(sum(r.clicks), 0) as in_days,
        coalesce(sum(r.actual_commission), 0) + coalesce(sum(r.commission_on_rejected_clicks), 0) as commission_in_days
    from analytics.revenue_daily as r
    join built as b on b.day = r.day
)
select
    s.rows_in = p.in_days + a.duplicate + s.no_date and s.commission_in = p.commission_in_days + s.commission_no_date as passed,
    format('%s clicks = %s in days + %s repeated + %s without a date', s.rows_in, p.in_days, a.duplicate, s.no_date) as says,
    s.rows_in as rows_in,
    p.in_days as in_days,
    a.duplicate as duplicate,
    s.no_date as no_date,
    s.commission_in as commission_in,
    p.commission_in_days as commission_in_days,
    s.commission_no_date as commission_no_date
from source as s, set_aside as a, published as p
