-- Tables of money as a person would write them in one query for the benchmark's clicks: its zone, no closed month, three networks.
-- Parameters: of commission_daily start and stop (its first instant and the next day's).
-- name: commission_open
select
    currency, affiliate_network,
    case when days <= 30 then '0-30' when days <= 60 then '31-60' when days <= 90 then '61-90' when days > 90 then '90+' else '(no date)' end as age,
    count(*) filter (where is_converted and actual_commission is null) as conversions_open,
    count(*) filter (where is_converted and actual_commission is null and expected_commission is null) as open_without_estimate,
    sum(expected_commission) filter (where is_converted and actual_commission is null) as expected_open,
    count(actual_commission) filter (where expected_commission is not null) as conversions_compared,
    sum(expected_commission) filter (where actual_commission is not null) as expected_compared,
    sum(actual_commission) filter (where expected_commission is not null) as actual_compared
from (
    select
        currency, affiliate_network, is_converted, expected_commission, actual_commission,
        (now() at time zone 'Europe/London')::date - (converted_at at time zone 'Europe/London')::date as days
    from staging.click_facts
    where is_converted or actual_commission is not null
    offset 0
) as s
group by 1, 2, 3
-- name: conversion_lag
with told as materialized (
    select * from staging.click_facts where is_converted or reported_at is not null or counted_as_converted or counted_commission is not null
),
reports as (
    select coalesce(kept_click_id, click_id) as click_id, min(coalesce(reported_at, first_seen_at)) filter (where is_converted) as reported_at
    from told group by 1
),
groups as (
    select
        date_trunc('month', clicked_at at time zone 'Europe/London')::date as month, currency, affiliate_network, false as is_sale, null::int as days,
        first_seen_at >= (select min(reported_at) from told) and first_seen_at >= clicked_at and first_seen_at < clicked_at + interval '48 hours' as followed,
        null::int as report_days, count(*) as clicks, null::numeric as paid
    from staging.click_facts
    where verdict = 'valid' and not counted_as_converted and counted_commission is null
    group by 1, 2, 3, 6
    union all
    select
        date_trunc('month', clicked_at at time zone 'Europe/London')::date, currency, affiliate_network, counted_as_converted,
        case when counted_converted_at < clicked_at then -1 else ceil(extract(epoch from counted_converted_at - clicked_at) / 86400)::int end,
        first_seen_at >= (select min(reported_at) from told) and first_seen_at >= clicked_at and first_seen_at < clicked_at + interval '48 hours',
        greatest(ceil(extract(epoch from r.reported_at - clicked_at) / 86400), 0)::int, count(*), sum(counted_commission)
    from told
    join reports as r using (click_id)
    where verdict = 'valid' and (counted_as_converted or counted_commission is not null)
    group by 1, 2, 3, 4, 5, 6, 7
),
months as (
    select
        month, currency, affiliate_network, coalesce(sum(clicks) filter (where followed), 0) as followed,
        (now() at time zone 'Europe/London')::date::timestamp at time zone 'Europe/London' - (month + interval '1 month') at time zone 'Europe/London' as age,
        sum(clicks) as clicks, sum(clicks) filter (where days >= 0) as conversions, sum(paid) filter (where days >= 0) as commission,
        sum(clicks) filter (where days < 0) as negative, sum(clicks) filter (where is_sale and days is null) as timeless,
        sum(paid) filter (where days is null or days < 0) as without_lag,
        sum(clicks) filter (where followed and is_sale) as reported, sum(paid) filter (where followed and is_sale) as reported_for
    from groups group by 1, 2, 3
),
daily as (
    select
        month, currency, affiliate_network, day,
        sum(clicks) filter (where not is_report) as sold, sum(paid) filter (where not is_report) as sold_for,
        sum(clicks) filter (where is_report) as reported, sum(paid) filter (where is_report) as reported_for
    from (
        select month, currency, affiliate_network, days as day, false as is_report, clicks, paid from groups where days between 0 and 90
        union all
        select month, currency, affiliate_network, report_days, true, clicks, paid from groups where followed and is_sale and report_days <= 90
    ) as e
    group by 1, 2, 3, 4
),
sums as (
    select
        m.*, g.day, m.age >= g.day * interval '24 hours' as is_over,
        coalesce(sum(d.sold) over w, 0) as sold_by, coalesce(sum(d.sold_for) over w, 0) as sold_for_by,
        coalesce(sum(d.reported) over w, 0) as reported_by, coalesce(sum(d.reported_for) over w, 0) as reported_for_by
    from months as m
    cross join generate_series(0, 90) as g (day)
    left join daily as d using (month, currency, affiliate_network, day)
    window w as (partition by month, currency, affiliate_network order by day)
)
select
    month as click_month, currency, affiliate_network, day as days_since, clicks::bigint,
    case when is_over then sold_by::bigint end as conversions, case when is_over then sold_for_by end as commission,
    coalesce(conversions, 0)::bigint as conversions_to_date, coalesce(commission, 0) as commission_to_date,
    coalesce(negative, 0)::bigint as conversions_negative_lag, coalesce(timeless, 0)::bigint as conversions_without_time,
    coalesce(without_lag, 0) as commission_without_lag, followed::bigint as clicks_followed,
    case when is_over and followed > 0 then reported_by::bigint end as conversions_reported,
    case when is_over and followed > 0 then reported_for_by end as commission_reported,
    case when followed > 0 then coalesce(reported, 0)::bigint end as conversions_reported_to_date,
    case when followed > 0 then coalesce(reported_for, 0) end as commission_reported_to_date
from sums
-- name: commission_monthly
select
    date_trunc('month', converted_at at time zone 'Europe/London')::date as month, currency, affiliate_network,
    null::numeric as closed, coalesce(sum(actual_commission), 0) as open, 0::numeric as adjustments
from staging.click_facts
where is_converted and converted_at is not null or actual_commission is not null
group by 1, 2, 3
-- name: commission_daily
select
    date '2026-01-15' as day, currency, affiliate_network,
    count(*) filter (where is_converted) as conversions,
    count(distinct order_key) filter (where is_converted) + count(*) filter (where is_converted and order_key is null) as orders,
    count(*) filter (where is_converted and actual_commission is null) as conversions_without_amount,
    count(*) filter (where not is_converted) as amounts_without_conversion,
    sum(expected_commission) as expected_commission,
    sum(actual_commission) as actual_commission,
    sum(expected_commission) filter (where actual_commission is null) as expected_of_open,
    count(*) filter (where actual_commission is not null and expected_commission is not null) as conversions_compared,
    sum(actual_commission - expected_commission) as variance,
    sum(abs(actual_commission - expected_commission)) as absolute_variance
from staging.click_facts
where converted_at >= :start and converted_at < :stop and (is_converted or actual_commission is not null)
group by 2, 3
