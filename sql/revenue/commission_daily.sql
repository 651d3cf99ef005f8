-- One row per conversion day, currency and network: what was earned on that day, whenever the click was made.
-- kind: daily
-- grain: day, currency, affiliate_network
-- clock: conversion_timestamp of the click (reporting zone)
-- reads: sale_day
-- owner: team:finance
-- headline: conversions, orders

-- Which clock: the sale's. Accounting, not performance: a sale is paid whatever is to be thought of the click, so sales of machines' clicks, of repeats
-- and of clicks without a date all count, each on its own day. Summed over all days, actual_commission is that of revenue_daily with its
-- commission_on_rejected_clicks, but for what has no click day there or no sale day here.
-- Which days: calendar days of the reporting zone, setting ACLUE_TIMEZONE (default Europe/London). A day moves for as long as networks report sales of it
-- late, settle amounts or reverse them (the amount falls, in the end to 0); analytics.restatements says what changed and why. A figure that must not move
-- any more is one of commission_monthly, once its month is closed.
-- A time of conversion without a sale and without an amount is no evidence, and makes no row. A sale without a time belongs to no day.
-- Amounts: each sum is over the sales that have that amount, whatever is known of the other one. `variance` compares only sales that have both, `conversions_compared` says how many.
select
    analytics.local_day(c.converted_at, :timezone) as day, -- Calendar day of the sale in the reporting zone.
    c.currency as currency, -- Currency of all amounts of the row (ISO 4217), the product's when the click was first seen; '(not set)' where it had none.
    c.affiliate_network as affiliate_network, -- Network that pays (amazon, awin, …); '(not set)' where not recorded.
    count(*) filter (where c.is_converted) as conversions, -- Clicks whose sale happened on the day. Additive.
    count(distinct c.order_key) filter (where c.is_converted)
    + count(*) filter (where c.is_converted and c.order_key is null)
        as orders, -- Distinct orders of these; one without a number is an order of its own. Not additive: an order over two days is in both.
    count(*) filter (where c.is_converted and c.actual_commission is null)
        as conversions_without_amount, -- Conversions for which no amount has been reported yet. Additive.
    count(*) filter (where not c.is_converted) as amounts_without_conversion, -- Amounts reported for clicks that are not marked as converted; in
                                                                           -- actual_commission, not in conversions. Additive.
    sum(c.expected_commission) as expected_commission, -- Sum that was expected of these sales, in currency; NULL where none was estimated. Additive
                                                       -- within a currency.
    sum(c.actual_commission) as actual_commission, -- Sum the network reported for them, in currency, to now; NULL where it has reported none, which is
                                                   -- not 0. Additive within a currency.
    sum(c.expected_commission) filter (where c.actual_commission is null)
        as expected_of_open, -- Sum that was expected of the sales without an amount, in currency; NULL where there is none. Additive within a currency.
    count(*) filter (where c.actual_commission is not null and c.expected_commission is not null)
        as conversions_compared, -- Sales that have both amounts. Additive.
    sum(c.actual_commission - c.expected_commission) as variance, -- Actual less expected, over the sales that have both, in currency; NULL where none
                                                                  -- has. Additive within a currency.
    sum(abs(c.actual_commission - c.expected_commission)) as absolute_variance, -- The same with every difference taken as positive, in currency; NULL
                                                                                -- where none has both. Additive within a currency.
    max(c.source_updated_at) as source_max_updated_at -- Latest change of a source row behind the row when it was written; NULL: loaded without times.
from staging.click_facts as c
where c.converted_at >= :range_start and c.converted_at < :range_end
    and (c.is_converted or c.actual_commission is not null)
group by 1, c.currency, c.affiliate_network

-- query: commission earned by month and network, and how much of it waits for an amount
--   select date_trunc('month', r.day)::date as month, r.affiliate_network, r.currency,
--       sum(r.conversions) as sales, sum(r.actual_commission) as commission,
--       sum(r.conversions_without_amount) as sales_without_amount, sum(r.expected_of_open) as expected_of_them
--   from analytics.commission_daily as r
--   group by 1, 2, 3
--   order by 1, 2, 3
-- query: what networks pay beside what was expected of the same sales
--   select r.affiliate_network, r.currency, sum(r.conversions_compared) as sales, sum(r.variance) as variance,
--       analytics.rate(sum(r.absolute_variance), sum(r.expected_commission - coalesce(r.expected_of_open, 0))) as share_of_expected
--   from analytics.commission_daily as r
--   group by 1, 2
--   order by 1, 2
