-- One row per click day, currency, network, source page and device: what the clicks of that day brought, to now.
-- kind: daily
-- grain: day, currency, affiliate_network, source_page, device_type
-- clock: click_timestamp of the click (reporting zone), whenever it converts
-- owner: team:finance
-- headline: clicks, valid_clicks, conversions

-- Conversions and commission are those known now: a conversion that arrives later restates the click's day.
-- Bounds are Wilson's for 95 % (z = 1.959964): (n + z²/2 ± z √(n (d − n) / d + z²/4)) / (d + z²).
with visitors as (
    select
        (c.click_timestamp at time zone :timezone)::date as day,
        c.currency as currency,
        c.affiliate_network as affiliate_network,
        c.source_page as source_page,
        c.device_type as device_type,
        c.verdict as verdict,
        c.person_id as person_id,
        count(*) as clicks,
        count(*) filter (where c.is_converted) as conversions,
        sum(c.expected_commission) as expected_commission,
        sum(c.actual_commission) as actual_commission
    from staging.clicks as c
    where c.click_timestamp >= :range_start and c.click_timestamp < :range_end
    group by c.person_id, 1, 2, 3, 4, 5, 6
),
counted as (
    select
        v.day as day,
        v.currency as currency,
        v.affiliate_network as affiliate_network,
        v.source_page as source_page,
        v.device_type as device_type,
        coalesce(sum(v.clicks) filter (where v.verdict <> 'duplicate'), 0)::bigint as clicks,
        coalesce(sum(v.clicks) filter (where v.verdict = 'valid'), 0)::bigint as valid_clicks,
        count(v.person_id) filter (where v.verdict = 'valid') as people,
        coalesce(sum(v.conversions) filter (where v.verdict = 'valid'), 0)::bigint as conversions,
        sum(v.expected_commission) filter (where v.verdict = 'valid') as expected_commission,
        sum(v.actual_commission) filter (where v.verdict = 'valid') as reported_commission,
        coalesce(sum(v.actual_commission) filter (where v.verdict <> 'valid'), 0) as commission_on_rejected_clicks
    from visitors as v
    group by v.day, v.currency, v.affiliate_network, v.source_page, v.device_type
),
earned as (
    select
        c.day as day,
        c.currency as currency,
        c.affiliate_network as affiliate_network,
        c.source_page as source_page,
        c.device_type as device_type,
        c.clicks as clicks,
        c.valid_clicks as valid_clicks,
        c.people as people,
        c.conversions as conversions,
        c.expected_commission as expected_commission,
        coalesce(c.reported_commission, case when c.conversions = 0 then 0 end) as actual_commission,
        c.commission_on_rejected_clicks as commission_on_rejected_clicks,
        1.959964 as z
    from counted as c
    -- Repeats alone are no row, unless money was reported for them: none of that is lost.
    where c.clicks > 0 or c.commission_on_rejected_clicks <> 0
)
select
    e.day as day, -- Calendar day of the click in the reporting zone.
    e.currency as currency, -- Currency of all amounts of the row (the product's, ISO 4217); '(not set)' where it has none.
    e.affiliate_network as affiliate_network, -- Network that pays (amazon, awin, …); '(not set)' where not recorded.
    e.source_page as source_page, -- Page of the app the click was made on; '(not set)' where not recorded.
    e.device_type as device_type, -- mobile, tablet or desktop; '(not set)' where not recorded.
    e.clicks as clicks, -- Affiliate clicks, each counted once however often it was delivered; machines' included.
    e.valid_clicks as valid_clicks, -- Clicks that are neither a machine's nor repeated: what all rates divide by.
    e.people as people, -- Distinct people behind the valid clicks; not to be summed over rows.
    e.conversions as conversions, -- Valid clicks for which a sale has been reported, to now.
    round(e.conversions::numeric / nullif(e.valid_clicks, 0), 6)::numeric as conversion_rate, -- conversions / valid_clicks, to now; NULL
                                                                                    -- where there is no valid click.
    round(
        (e.conversions + e.z * e.z / 2 - e.z * sqrt(e.conversions::numeric * (e.valid_clicks - e.conversions) / nullif(e.valid_clicks, 0) + e.z * e.z / 4))
        / (e.valid_clicks + e.z * e.z), 6
    )::numeric as conversion_rate_low, -- Lower 95 % bound of conversion_rate; NULL where there is no valid click.
    round(
        (e.conversions + e.z * e.z / 2 + e.z * sqrt(e.conversions::numeric * (e.valid_clicks - e.conversions) / nullif(e.valid_clicks, 0) + e.z * e.z / 4))
        / (e.valid_clicks + e.z * e.z), 6
    )::numeric as conversion_rate_high, -- Upper 95 % bound of conversion_rate; NULL where there is no valid click.
    e.expected_commission as expected_commission, -- Sum the valid clicks would earn if each led to a sale, in currency; NULL where none was estimated.
    e.actual_commission as actual_commission, -- Sum the networks reported for valid clicks, in currency, to now; 0 where nothing
                                              -- converted, NULL where something did and no amount has been reported.
    e.commission_on_rejected_clicks as commission_on_rejected_clicks, -- Sum reported for repeated or machines' clicks, in currency; in no other column.
    round(e.actual_commission / nullif(e.valid_clicks, 0), 6)::numeric as epc -- Earnings per click: actual_commission / valid_clicks, in
                                                                     -- currency, to now; NULL where either is missing.
from earned as e
