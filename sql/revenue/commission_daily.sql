-- One row per conversion day, currency and network: what was earned on that day, whenever the click was made.
-- kind: daily
-- grain: day, currency, affiliate_network
-- clock: conversion_timestamp of the click (reporting zone)
-- owner: team:finance
-- headline: conversions, orders

-- Accounting, not performance: a sale is paid whatever is to be thought of the click, so that every verdict counts. Summed over all days this is the
-- commission of revenue_daily, on rejected clicks included.
-- A conversion time without a sale and without an amount is no evidence, and makes no row.
select
    (c.conversion_timestamp at time zone :timezone)::date as day, -- Calendar day of the sale in the reporting zone.
    c.currency as currency, -- Currency of all amounts of the row (the product's, ISO 4217); '(not set)' where it has none.
    c.affiliate_network as affiliate_network, -- Network that pays (amazon, awin, …); '(not set)' where not recorded.
    count(*) filter (where c.is_converted) as conversions, -- Clicks whose sale happened on the day.
    count(distinct c.order_id) filter (where c.is_converted)
    + count(*) filter (where c.is_converted and c.order_id is null) as orders, -- Distinct orders of these; one without number is an order of its own.
    sum(c.expected_commission) as expected_commission, -- Sum that was expected of these sales, in currency; NULL where none was estimated.
    sum(c.actual_commission) as actual_commission, -- Sum the network reported for them, in currency, to now; NULL where it has reported none.
    sum(c.actual_commission - c.expected_commission) as variance -- Actual less expected, over the sales that have both, in
                                                                 -- currency; NULL where none has.
from staging.clicks as c
where c.conversion_timestamp >= :range_start and c.conversion_timestamp < :range_end
    and (c.is_converted or c.actual_commission is not null)
group by 1, 2, 3
