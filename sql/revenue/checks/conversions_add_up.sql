-- Conversions in = conversions in days + those without a date, and the money to the penny, over the 35 newest computed days.
-- asset: analytics.commission_daily
-- severity: error
-- remedy: aclue revenue rebuild
with built as (
    select d.day as day, (d.day::timestamp at time zone :timezone) as begins, ((d.day + 1)::timestamp at time zone :timezone) as ends
    from pipeline.days as d
    where d.table_name = 'analytics.commission_daily'
        and d.day > (select max(l.day) from pipeline.days as l where l.table_name = 'analytics.commission_daily') - 35
),
dated as (
    select
        count(*) filter (where c.is_converted) as conversions,
        count(*) filter (where c.is_converted is not true and c.actual_commission is not null) as inconsistent,
        coalesce(sum(c.actual_commission), 0) as commission
    from built as b
    join public.affiliate_clicks as c on c.conversion_timestamp >= b.begins and c.conversion_timestamp < b.ends
),
undated as (
    select
        count(*) filter (where c.is_converted) as conversions,
        count(*) filter (where c.is_converted is not true and c.actual_commission is not null) as inconsistent,
        coalesce(sum(c.actual_commission), 0) as commission
    from public.affiliate_clicks as c
    where c.conversion_timestamp is null and (c.is_converted or c.actual_commission is not null)
),
source as (
    select
        d.conversions + u.conversions as conversions_in,
        u.conversions as no_date,
        d.inconsistent + u.inconsistent as inconsistent,
        d.commission + u.commission as commission_in,
        u.commission as commission_no_date
    from dated as d, undated as u
),
published as (
    select
        coalesce(sum(r.conversions), 0) as in_days,
        coalesce(sum(r.actual_commission), 0) as commission_in_days
    from analytics.commission_daily as r
    join built as b on b.day = r.day
)
select
    s.conversions_in = p.in_days + s.no_date and s.commission_in = p.commission_in_days + s.commission_no_date as passed,
    format('%s conversions = %s in days + %s without a date; %s amounts without a conversion', s.conversions_in, p.in_days, s.no_date, s.inconsistent) as says,
    s.conversions_in as conversions_in,
    p.in_days as in_days,
    s.no_date as no_date,
    s.inconsistent as inconsistent,
    s.commission_in as commission_in,
    p.commission_in_days as commission_in_days,
    s.commission_no_date as commission_no_date
from source as s, published as p
