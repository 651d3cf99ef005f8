-- One row per click day, currency, network, page, device and campaign: what the clicks of that day brought, to now.
-- kind: daily
-- grain: day, currency, affiliate_network, source_page, device_type, utm_source, utm_medium, utm_campaign
-- clock: click_timestamp of the click (reporting zone), whenever it converts
-- reads: click_day
-- owner: team:finance
-- headline: clicks, valid_clicks, conversions

-- Which clock: the click's. Conversions and commission count on the day of the click, so a day's numbers move for as long as networks report: until
-- its clicks' attribution windows are over and the last amount is settled or reversed. Nothing is rebuilt for age alone: a day changes when a fact
-- behind it does, and analytics.restatements says what changed and why. commission_daily counts the same money by the day of the sale; a figure that
-- must not move any more is one of commission_monthly, once its month is closed.
-- Which days: calendar days of the reporting zone, setting ACLUE_TIMEZONE (default Europe/London); days of clock changes have 23 or 25 hours.
-- Machines: a click is a machine's when its user agent fits a pattern of staging.machine_patterns (no user agent: a person). `clicks` holds machines'
-- clicks, `valid_clicks` and all that is counted of valid clicks does not.
-- Repeats: a click by the same person on the same product at most 2 seconds after one that was kept. It stands in `repeats` alone; what was reported
-- for it counts with the click it repeats, on that click's day and row. `clicks` + `repeats` are all dated clicks there are.
-- Money: `expected_commission` is over all valid clicks, converted or not: what they would earn if each sold. `actual_commission` is what networks
-- reported for valid clicks and their repeats; it is NULL only where something converted and no amount at all has been reported, and 0 where nothing
-- converted or all was reversed. Where one of two sales has an amount it is that amount, and conversions_without_amount is 1.
-- Both clocks: actual_commission + commission_on_rejected_clicks over all days, and what clicks without a date were paid (staging.click_facts, verdict
-- no_date), equals actual_commission of commission_daily over all days, and what sales without a date were paid. Conversions do not add up that way:
-- there every sale counts, here a valid click with two reported repeats is one conversion.
-- Rates: none is stored; sum first, then divide. analytics.rate(sum(conversions), sum(valid_clicks)) is the conversion rate,
-- analytics.rate(sum(actual_commission), sum(valid_clicks)) the earnings per click (EPC), of one click and not of 100; never average rates of rows. These
-- are of all clicks, also of those whose window is open: analytics.revenue leaves those out, and has bounds.
-- Bounds: analytics.wilson_low and analytics.wilson_high are Wilson's 95 % and assume independent clicks. Clicks of one person convert together, so true
-- bounds are wider: analytics.revenue has them, with distinct people, for the very days and grouping that you ask for.
select
    analytics.local_day(c.clicked_at, :timezone) as day, -- Calendar day of the click in the reporting zone.
    c.currency as currency, -- Currency of all amounts of the row (ISO 4217), the product's when the click was first seen; '(not set)' where it had none.
    c.affiliate_network as affiliate_network, -- Network that pays (amazon, awin, …); '(not set)' where not recorded.
    c.source_page as source_page, -- Page of the app the click was made on; '(not set)' where not recorded.
    c.device_type as device_type, -- mobile, tablet or desktop; '(not set)' where not recorded.
    c.utm_source as utm_source, -- Campaign source of the visit; '(not set)' where none.
    c.utm_medium as utm_medium, -- Campaign medium of the visit; '(not set)' where none.
    c.utm_campaign as utm_campaign, -- Campaign of the visit; '(not set)' where none.
    count(*) filter (where c.verdict <> 'repeat') as clicks, -- Affiliate clicks but repeats; machines' included. Additive.
    count(*) filter (where c.verdict = 'valid') as valid_clicks, -- Clicks that are neither a machine's nor repeats: what rates divide by. Additive.
    count(*) filter (where c.verdict = 'machine') as machine_clicks, -- Clicks of machines: clicks less valid_clicks. Additive.
    count(*) filter (where c.verdict = 'repeat') as repeats, -- Repeated clicks, in no other column. Additive.
    count(distinct c.person_number) filter (where c.verdict = 'valid') as people, -- Distinct people behind the valid clicks. Not additive: whoever
                                                                                 -- clicked in two rows is in both; analytics.revenue counts a range.
    count(distinct c.person_number) filter (where c.verdict = 'valid' and c.counted_as_converted)
        as converting_people, -- Distinct people behind the conversions. Not additive, like people.
    count(*) filter (where c.verdict = 'valid' and c.counted_as_converted) as conversions, -- Valid clicks for which, or for a repeat of which, a
                                                                                         -- sale has been reported, to now. Additive.
    count(*) filter (where c.verdict = 'valid' and c.counted_as_converted and c.counted_commission is null)
        as conversions_without_amount, -- Those of the conversions for which no amount has been reported yet. Additive.
    count(*) filter (where c.verdict = 'valid' and c.expected_commission is null)
        as clicks_without_estimate, -- Valid clicks that expected_commission knows nothing of. Additive.
    sum(c.expected_commission) filter (where c.verdict = 'valid') as expected_commission, -- Sum the valid clicks would earn if each led to a sale, in
                                                                                         -- currency; NULL where none was estimated. Additive within a currency.
    sum(c.expected_commission) filter (where c.verdict = 'valid' and not c.counted_as_converted)
        as expected_of_unconverted, -- The part of expected_commission that no sale was reported for, in currency; NULL where none was estimated. On
                                    -- days whose attribution window is open this is the open exposure. Additive within a currency.
    coalesce(
        sum(c.counted_commission) filter (where c.verdict = 'valid'),
        case when count(*) filter (where c.verdict = 'valid' and c.counted_as_converted) = 0 then 0 end
    ) as actual_commission, -- Sum the networks reported for valid clicks and their repeats, in currency, to now; 0 where nothing converted, NULL where
                            -- something did and no amount has been reported. Additive within a currency (NULL as 0, conversions_without_amount beside).
    coalesce(sum(c.actual_commission) filter (where c.verdict = 'machine'), 0)
        as commission_on_rejected_clicks, -- Sum reported for machines' clicks, in currency; in no other column. Additive within a currency.
    max(c.source_updated_at) as source_max_updated_at -- Latest change of a source row behind the row when it was written; NULL: loaded without times.
from staging.click_facts as c
where c.clicked_at >= :range_start and c.clicked_at < :range_end
group by 1, c.currency, c.affiliate_network, c.source_page, c.device_type, c.utm_source, c.utm_medium, c.utm_campaign

-- query: EPC by network and month
--   select date_trunc('month', r.day)::date as month, r.affiliate_network, r.currency,
--       sum(r.valid_clicks) as valid_clicks, sum(r.actual_commission) as commission,
--       analytics.rate(sum(r.actual_commission), sum(r.valid_clicks)) as epc,
--       sum(r.conversions_without_amount) as sales_without_amount,
--       sum(r.valid_clicks) filter (where r.day + analytics.attribution_window(r.affiliate_network) >= current_date) as open_clicks,
--       sum(r.expected_of_unconverted) filter (where r.day + analytics.attribution_window(r.affiliate_network) >= current_date) as may_still_come
--   from analytics.revenue_daily as r
--   group by 1, 2, 3
--   order by 1, 2, 3
-- query: clicks and conversion rate of each campaign
--   select r.utm_source, r.utm_campaign, sum(r.valid_clicks) as valid_clicks, sum(r.conversions) as conversions,
--       analytics.rate(sum(r.conversions), sum(r.valid_clicks)) as conversion_rate
--   from analytics.revenue_daily as r
--   group by 1, 2
--   order by valid_clicks desc, 1, 2
-- query: what days brought as it was known a month ago, beside what is known now
--   select r.day, r.currency, sum(r.then_known) as commission_then, sum(r.now_known) as commission_now
--   from (
--       select t.day, t.currency, t.actual_commission as then_known, null as now_known from history.revenue_daily(now() - interval '1 month') as t
--       union all
--       select n.day, n.currency, null, n.actual_commission from analytics.revenue_daily as n
--   ) as r
--   group by 1, 2
--   order by 1, 2
