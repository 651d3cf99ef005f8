-- Days that release 0.1.0 published and of which the facts have fewer sales by now (of a product that was deleted before the upgrade): they stay as
-- published. `lost` is how many sales went, at least.

-- Compared per day and network. A sale that was moved to another day since its last rebuild, or taken back altogether, cannot be told from one whose
-- click was deleted: its day stays too. Amounts are not compared: they fall by a reversal. What 0.1.0 did not know is NULL.
with facts as (
    select
        analytics.local_day(c.converted_at, :timezone) as day,
        c.affiliate_network as affiliate_network,
        count(*) as conversions
    from staging.click_facts as c
    where c.is_converted
    group by 1, 2
),
cells as (
    select p.day as day, p.affiliate_network as affiliate_network, sum(p.conversions) as conversions
    from history.commission_daily_25bd9af3 as p
    group by 1, 2
),
short as (
    select p.day as day, sum(greatest(p.conversions - coalesce(f.conversions, 0), 0))::bigint as lost
    from cells as p
    left join facts as f using (day, affiliate_network)
    group by p.day
)
select
    p.day as day,
    p.currency as currency,
    p.affiliate_network as affiliate_network,
    p.conversions as conversions,
    p.orders as orders,
    p.expected_commission as expected_commission,
    p.actual_commission as actual_commission,
    p.variance as variance,
    s.lost as lost
from history.commission_daily_25bd9af3 as p
join short as s on s.day = p.day and s.lost > 0
