-- One row per month of clicks, currency, network and days since the click (0 to 90): the sales and commission that were there after so many days.
-- kind: whole
-- grain: click_month, currency, affiliate_network, days_since
-- reads: click_day
-- owner: team:finance

-- Which clock: the click's month, and the time from each click to its sale in elapsed seconds: a row counts sales at most days_since times 24 hours after
-- their click, so that each row holds those of the rows above it. Valid clicks alone, with what was reported for their repeats, as in revenue_daily: there
-- is one sale per click, its earliest. The curve is conversions / conversions_to_date, or commission / commission_to_date, of one month or several.
-- Maturity: NULL until so many days have passed for every click of the month; a 0 means that they have, and nothing had come. conversions_to_date goes on
-- growing with late sales and reports, and a curve of a young month is too steep: compare months whose row of 90 days is not NULL.
-- Sales before their click, and sales without a time, are on no day: conversions_negative_lag and conversions_without_time count them apart. With them
-- conversions_to_date is the conversions of revenue_daily in the month, and commission_to_date + commission_without_lag its actual_commission.
-- Time of report: the second curve counts when we first saw that a sale was reported, which is what a forecast must wait for; the columns of it end in
-- _reported. Only clicks are followed that were seen within two days of being made, since reports are noted at all (staging.click_facts, reported_at):
-- of others nobody can tell when the report came.
-- Networks: those of staging.networks and the largest others of a month, 50 in all; what a client makes up beyond these is '(other)', and makes no rows.
with told as materialized (
    -- Of few clicks anything was reported: these are joined to their reports, all others are only counted.
    select
        f.click_id, f.kept_click_id, f.clicked_at, f.currency, f.affiliate_network, f.verdict, f.is_converted, f.reported_at, f.first_seen_at,
        f.counted_as_converted, f.counted_converted_at, f.counted_commission
    from staging.click_facts as f
    where f.is_converted or f.reported_at is not null or f.counted_as_converted or f.counted_commission is not null
),
reports as (
    select
        coalesce(t.kept_click_id, t.click_id) as click_id,
        min(coalesce(t.reported_at, t.first_seen_at)) filter (where t.is_converted) as reported_at
    from told as t
    group by 1
),
kept_since as (
    select min(t.reported_at) as at from told as t
),
counted as (
    select
        date_trunc('month', analytics.local_day(c.clicked_at, :timezone)::timestamp)::date as click_month,
        c.currency as currency,
        c.affiliate_network as affiliate_network,
        false as is_sale,
        null::int as days,
        c.first_seen_at >= (select k.at from kept_since as k) and c.first_seen_at >= c.clicked_at and c.first_seen_at < c.clicked_at + interval '48 hours' as is_followed,
        null::int as report_days,
        count(*) as clicks,
        null::numeric as commission
    from staging.click_facts as c
    where c.verdict = 'valid' and not c.counted_as_converted and c.counted_commission is null
    group by 1, 2, 3, 6
    union all
    select
        date_trunc('month', analytics.local_day(t.clicked_at, :timezone)::timestamp)::date as click_month,
        t.currency,
        t.affiliate_network,
        t.counted_as_converted as is_sale,
        case
            when t.counted_converted_at < t.clicked_at then -1
            else ceil(extract(epoch from t.counted_converted_at - t.clicked_at) / 86400)::int
        end as days,
        t.first_seen_at >= (select k.at from kept_since as k) and t.first_seen_at >= t.clicked_at and t.first_seen_at < t.clicked_at + interval '48 hours' as is_followed,
        case when t.counted_as_converted then greatest(ceil(extract(epoch from r.reported_at - t.clicked_at) / 86400), 0)::int end as report_days,
        count(*) as clicks,
        sum(t.counted_commission) as commission
    from told as t
    join reports as r on r.click_id = t.click_id
    where t.verdict = 'valid' and (t.counted_as_converted or t.counted_commission is not null)
    group by 1, 2, 3, 4, 5, 6, 7
),
places as (
    select
        c.click_month as click_month,
        c.affiliate_network as affiliate_network,
        row_number() over (
            partition by c.click_month order by n.affiliate_network is null, sum(c.clicks) desc, c.affiliate_network
        ) as place
    from counted as c
    left join staging.networks as n on n.affiliate_network = c.affiliate_network
    group by c.click_month, c.affiliate_network, n.affiliate_network
),
lags as (
    select
        c.click_month as click_month,
        c.currency as currency,
        case when p.place <= 50 then c.affiliate_network else '(other)' end as affiliate_network,
        c.is_sale as is_sale,
        c.days as days,
        c.is_followed as is_followed,
        c.report_days as report_days,
        c.clicks as clicks,
        c.commission as commission
    from counted as c
    join places as p on p.click_month = c.click_month and p.affiliate_network = c.affiliate_network
),
months as (
    select
        l.click_month as click_month,
        l.currency as currency,
        l.affiliate_network as affiliate_network,
        -- Whole days of 24 hours since the month's end, at the midnight that today began with: negative before it.
        floor(extract(epoch from
            analytics.day_start(analytics.local_day(now(), :timezone), :timezone)
            - analytics.day_start((l.click_month + interval '1 month')::date, :timezone)
        ) / 86400)::int as days_over,
        sum(l.clicks) as clicks,
        sum(l.clicks) filter (where l.days >= 0) as conversions,
        sum(l.commission) filter (where l.days >= 0) as commission,
        sum(l.clicks) filter (where l.days < 0) as before_click,
        sum(l.clicks) filter (where l.is_sale and l.days is null) as without_time,
        sum(l.commission) filter (where l.days is null or l.days < 0) as without_lag,
        sum(l.clicks) filter (where l.is_followed) as followed,
        sum(l.clicks) filter (where l.is_followed and l.is_sale) as followed_sales,
        sum(l.commission) filter (where l.is_followed and l.is_sale) as followed_commission
    from lags as l
    group by 1, 2, 3
),
arrivals as (
    select
        a.click_month as click_month,
        a.currency as currency,
        a.affiliate_network as affiliate_network,
        a.day as day,
        sum(a.clicks) filter (where a.is_sale_day) as sold,
        sum(a.commission) filter (where a.is_sale_day) as sold_for,
        sum(a.clicks) filter (where not a.is_sale_day) as reported,
        sum(a.commission) filter (where not a.is_sale_day) as reported_for
    from (
        select l.click_month, l.currency, l.affiliate_network, l.days as day, true as is_sale_day, l.clicks, l.commission
        from lags as l
        union all
        select l.click_month, l.currency, l.affiliate_network, l.report_days as day, false as is_sale_day, l.clicks, l.commission
        from lags as l
        where l.is_followed and l.is_sale
    ) as a
    where a.day between 0 and 90
    group by 1, 2, 3, 4
),
days as (
    select
        m.*,
        d.day as day,
        d.day <= m.days_over as is_over,
        coalesce(sum(a.sold) over until_then, 0) as sold,
        coalesce(sum(a.sold_for) over until_then, 0) as sold_for,
        coalesce(sum(a.reported) over until_then, 0) as reported,
        coalesce(sum(a.reported_for) over until_then, 0) as reported_for
    from months as m
    cross join generate_series(0, 90) as d (day)
    left join arrivals as a
        on a.click_month = m.click_month and a.currency = m.currency and a.affiliate_network = m.affiliate_network and a.day = d.day
    window until_then as (partition by m.click_month, m.currency, m.affiliate_network order by d.day)
)
select
    d.click_month as click_month, -- First day of the calendar month of the clicks, in the reporting zone.
    d.currency as currency, -- Currency of all amounts of the row (ISO 4217), the product's when the click was first seen; '(not set)' where it had none.
    d.affiliate_network as affiliate_network, -- Network that pays (amazon, awin, …); '(not set)' where not recorded, '(other)' beyond 50.
    d.day::int as days_since, -- Days of 24 hours since the click, 0 to 90: the row counts what had come by then.
    d.clicks::bigint as clicks, -- Valid clicks of the month; analytics.rate(conversions, clicks) is the conversion rate within days_since. Not additive
                                -- over days_since: each row of a month has the same.
    case when d.is_over then d.sold::bigint end as conversions, -- Clicks whose sale came at most days_since after them; NULL: not so many days have passed for
                                                               -- every click. Not additive over days_since: each row holds those of the rows before.
    case when d.is_over then d.sold_for end as commission, -- Sum reported for these to now, in currency, 0 where none was; NULL like conversions. Not additive
                                                          -- over days_since.
    coalesce(d.conversions, 0)::bigint as conversions_to_date, -- Clicks that have led to a sale by now, however long after. Not additive over days_since.
    coalesce(d.commission, 0) as commission_to_date, -- Sum reported for these, in currency. Not additive over days_since.
    coalesce(d.before_click, 0)::bigint as conversions_negative_lag, -- Clicks whose sale is dated before them; in no row's conversions. Not additive over
                                                                    -- days_since.
    coalesce(d.without_time, 0)::bigint as conversions_without_time, -- Clicks whose sale has no time; in no row's conversions. Not additive over days_since.
    coalesce(d.without_lag, 0) as commission_without_lag, -- Sum reported for these two, and for clicks that are not marked as converted, in currency. Not
                                                         -- additive over days_since.
    coalesce(d.followed, 0)::bigint as clicks_followed, -- Those of the clicks of which it is known when a sale was reported. Not additive over days_since.
    case when d.is_over and d.followed > 0 then d.reported::bigint end as conversions_reported, -- Those of them whose sale had been reported at most days_since
                                                       -- after the click; NULL: none is followed, or not so many days have passed. Not additive over days_since.
    case when d.is_over and d.followed > 0 then d.reported_for end as commission_reported, -- Sum of their commission as it stands now, in currency; NULL like
                                                                                          -- conversions_reported. Not additive over days_since.
    case when d.followed > 0 then coalesce(d.followed_sales, 0)::bigint end as conversions_reported_to_date, -- Those of them that have led to a sale by now; NULL:
                                                                                                    -- none is followed. Not additive over days_since.
    case when d.followed > 0 then coalesce(d.followed_commission, 0) end as commission_reported_to_date -- Sum reported for these, in currency; NULL: no click is
                                                                                                       -- followed. Not additive over days_since.
from days as d
-- query: share of a month's sales and commission that is there so many days after the click
--   select l.days_since, analytics.rate(sum(l.conversions), sum(l.conversions_to_date)) as of_sales,
--       analytics.rate(sum(l.commission), sum(l.commission_to_date)) as of_commission
--   from analytics.conversion_lag as l
--   where l.currency = 'GBP' and exists (
--       select 1 from analytics.conversion_lag as m where m.click_month = l.click_month and m.days_since = 90 and m.conversions is not null
--   )
--   group by l.days_since
--   order by l.days_since
-- query: after how many days 95 % of a network's sales are there
--   select s.affiliate_network, min(s.days_since) filter (where s.sales >= 0.95 * s.of_all) as days
--   from (
--       select l.affiliate_network, l.days_since, sum(l.conversions) as sales, sum(l.conversions_to_date) as of_all
--       from analytics.conversion_lag as l
--       where l.conversions is not null
--       group by l.affiliate_network, l.days_since
--   ) as s
--   group by s.affiliate_network
-- query: conversion rate within 1, 7 and 30 days of the click, by month; NULL while it is too early to say
--   select l.click_month, l.days_since,
--       case when count(l.conversions) = count(*) then analytics.rate(sum(l.conversions), sum(l.clicks)) end as conversion_rate
--   from analytics.conversion_lag as l
--   where l.days_since in (1, 7, 30)
--   group by l.click_month, l.days_since
--   order by l.click_month, l.days_since
