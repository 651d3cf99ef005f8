-- One row per currency, network and age of the sale: what is expected of sales that no amount has been reported for, now, and what became of others.
-- kind: view
-- grain: currency, affiliate_network, age
-- owner: team:finance

-- Which clock: the sale's, and now: a sale grows older by a day at each midnight of the reporting zone. Sales of machines' clicks and of repeats count, as in
-- commission_daily: over all ages conversions_open is its conversions_without_amount and expected_open its expected_of_open, with those of sales without
-- a date. Earlier days: from history.commission_daily(at), as the last query below does, as far as days had been published by then.
-- Realisation: what was reported of what was expected, over the sales that have both; a sale that was reversed counts with 0. It is a rate of sales that
-- are settled, so it is NULL where the youngest sale of the age may still change (staging.networks: validation_days), and for sales without a date. What is
-- still open at a mature age was expected too, and may never come: it stands beside it, in expected_open.
with zone as materialized (
    select z.name as name, analytics.local_day(now(), z.name) as today
    from (select pipeline.setting('timezone') as name) as z
),
sales as materialized (
    -- As they are found, so that the day of a sale is computed once and not wherever its age is asked for.
    select
        c.currency as currency,
        c.affiliate_network as affiliate_network,
        z.today - analytics.local_day(c.converted_at, z.name) as days,
        c.is_converted and c.actual_commission is null as is_open,
        c.expected_commission as expected,
        c.actual_commission as actual
    from staging.click_facts as c
    cross join zone as z
    where c.is_converted or c.actual_commission is not null
),
aged as (
    select
        s.*,
        case when s.days <= 30 then '0-30' when s.days <= 60 then '31-60' when s.days <= 90 then '61-90' when s.days > 90 then '90+' else '(no date)' end as age,
        case when s.days <= 30 then 0 when s.days <= 60 then 31 when s.days <= 90 then 61 when s.days > 90 then 91 end as youngest
    from sales as s
)
select
    a.currency as currency, -- Currency of all amounts of the row (ISO 4217), the product's when the click was first seen; '(not set)' where it had none.
    a.affiliate_network as affiliate_network, -- Network that pays (amazon, awin, …); '(not set)' where not recorded.
    a.age as age, -- Days since the sale: 0-30, 31-60, 61-90, 90+ (more than 90); '(no date)' where its time is not known. One dated ahead of now is 0-30.
    count(*) filter (where a.is_open) as conversions_open, -- Sales for which no amount has been reported yet. Additive.
    count(*) filter (where a.is_open and a.expected is null)
        as open_without_estimate, -- Those of them that expected_open knows nothing of. Additive.
    sum(a.expected) filter (where a.is_open) as expected_open, -- Sum that is expected of them, in currency; NULL where none was estimated. Additive within
                                                              -- a currency.
    count(*) filter (where a.actual is not null and a.expected is not null)
        as conversions_compared, -- Sales that have both amounts, and amounts of clicks that are not marked as converted, such as 0 after a reversal. Additive.
    sum(a.expected) filter (where a.actual is not null) as expected_compared, -- Sum that was expected of these, in currency; NULL where none has both.
                                                                            -- Additive within a currency.
    sum(a.actual) filter (where a.expected is not null) as actual_compared, -- Sum reported for these, in currency; NULL where none has both. Additive
                                                                          -- within a currency.
    coalesce(a.youngest >= analytics.validation_days(a.affiliate_network), false) as is_mature, -- Whether every sale of that age is older than its network
                                                                                              -- takes to settle.
    case
        when a.youngest >= analytics.validation_days(a.affiliate_network)
            then analytics.rate(sum(a.actual) filter (where a.expected is not null), sum(a.expected) filter (where a.actual is not null))
    end as realisation -- Part of what was expected that was reported; may exceed 1. NULL: not mature, or nothing was expected. Ratio of actual_compared /
                       -- expected_compared.
from aged as a
group by a.currency, a.affiliate_network, a.age, a.youngest
-- query: open commission by age
--   select o.currency, o.age, sum(o.conversions_open) as sales, sum(o.expected_open) as expected, sum(o.open_without_estimate) as not_estimated
--   from analytics.commission_open as o
--   group by o.currency, o.age
--   order by o.currency, o.age
-- query: what is overdue: open although the network's time to settle is over, and what it has paid of what was expected so far
--   select o.currency, o.affiliate_network, sum(o.conversions_open) as sales, sum(o.expected_open) as expected,
--       analytics.rate(sum(o.actual_compared), sum(o.expected_compared)) as realisation
--   from analytics.commission_open as o
--   where o.is_mature
--   group by o.currency, o.affiliate_network
-- query: open commission by age as it stood a month ago
--   select d.currency,
--       case when t.at::date - d.day <= 30 then '0-30' when t.at::date - d.day <= 60 then '31-60' when t.at::date - d.day <= 90 then '61-90' else '90+' end as age,
--       sum(d.conversions_without_amount) as sales, sum(d.expected_of_open) as expected
--   from (select now() - interval '1 month' as at) as t
--   cross join lateral history.commission_daily(t.at) as d
--   group by 1, 2
--   order by 1, 2
