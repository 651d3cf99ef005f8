-- Days that release 0.1.0 published and of which the facts have fewer clicks by now (of a product that was deleted before the upgrade): they stay as
-- published. `lost` is how many clicks went, at least.

-- Compared per day, network, page and device, since one product's loss must not be made good by another's late click. Repeats, which 0.1.0 did not
-- publish, and clicks that are judged otherwise now are counted with the facts: a new rule takes no row away. Money is not compared: it falls by a
-- reversal too. Currencies are not: a corrected one is no loss.
-- What 0.1.0 did not know is '(not set)' in the grain and NULL elsewhere; its commission_on_rejected_clicks holds that of repeats.
with facts as (
    select
        analytics.local_day(c.clicked_at, :timezone) as day,
        c.affiliate_network as affiliate_network,
        c.source_page as source_page,
        c.device_type as device_type,
        count(*) as clicks
    from staging.click_facts as c
    group by 1, 2, 3, 4
),
cells as (
    select
        p.day as day,
        p.affiliate_network as affiliate_network,
        p.source_page as source_page,
        p.device_type as device_type,
        sum(p.clicks) as clicks
    from history.revenue_daily_cc317f9f as p
    group by 1, 2, 3, 4
),
short as (
    select p.day as day, sum(greatest(p.clicks - coalesce(f.clicks, 0), 0))::bigint as lost
    from cells as p
    left join facts as f using (day, affiliate_network, source_page, device_type)
    group by p.day
)
select
    p.day as day,
    p.currency as currency,
    p.affiliate_network as affiliate_network,
    p.source_page as source_page,
    p.device_type as device_type,
    '(not set)' as utm_source,
    '(not set)' as utm_medium,
    '(not set)' as utm_campaign,
    p.clicks as clicks,
    p.valid_clicks as valid_clicks,
    p.clicks - p.valid_clicks as machine_clicks,
    p.people as people,
    p.conversions as conversions,
    p.expected_commission as expected_commission,
    p.actual_commission as actual_commission,
    p.commission_on_rejected_clicks as commission_on_rejected_clicks,
    s.lost as lost
from history.revenue_daily_cc317f9f as p
join short as s on s.day = p.day and s.lost > 0
