-- What the clicks of a range of days brought, by the dimensions asked for: a row a group, its rates with bounds that hold for clicks of the same people.
-- kind: function
-- owner: team:finance

-- The clock is the click's, as in revenue_daily; days are those of the reporting zone, the first and the last counted, from ACLUE_FIRST_DAY on. Ask this instead of averaging rates
-- of days: distinct people, medians and bounds are those of the very range and grouping.
-- Dimensions: `by` names any of day, week (its Monday), month (its first day), currency, affiliate_network, source_page, device_type, utm_source, utm_medium,
-- utm_campaign, product_id, brand and category (those of the product when it was first seen); another name is refused. With none there is one row of all.
-- Maturity: a click's window is that of its network (staging.networks). What is immature takes no part in a rate: n and d, and all that is made of them
-- (rate, bounds, EPC, medians), are of the clicks whose window is over, so that the rate is NULL where no window is over. is_mature says whether all are.
-- A click that sold while its window is open is left out like its neighbours that have not sold yet: to take it alone would show the best of them.
-- Bounds: 95 %, Wilson's on n and d divided by design_effect (analytics.design_effect): clicks of one person convert together.
-- Money: in `currency`; where the clicks of a group are in several, currency and all amounts are NULL: put currency into `by`. EPC is of one click, not of
-- 100. A sale without an amount counts in it as 0 and stands in conversions_without_amount, a click whose window is open in open_clicks: so much is unknown.
-- As of: with `as_of`, a time, numbers are those that revenue_daily had published then, and windows are over that were over then, day by day. What is not
-- published by day (people, bounds, design_effect, medians) is NULL then, and product_id, brand and category are refused.
-- Columns:
--   cell  The group, each dimension asked for with its value: `cell ->> 'device_type'`.
--   clicks,conversions  Valid clicks, and those of them that sold, to now. Additive over groups.
--   people,converting_people  Distinct people behind them. Not additive: one person may be in two groups.
--   is_mature  Whether the window of every click is over.
--   n,d  Clicks whose window is over: d in all, n of them sold. Additive over groups.
--   rate,low,high,design_effect  The conversion rate, n of d, with its bounds.
--   currency,expected_commission,actual_commission,conversions_without_amount  As in revenue_daily, of all clicks, to now. Additive within a currency.
--   epc,epc_low,epc_high,open_clicks  Earnings of one of the d clicks. The bounds (delta method over people on the logarithm, Student's t) are NULL where fewer
--     than 30 people clicked or nothing was earned. open_clicks is clicks less d.
--   timed_conversions,median_seconds,p90_seconds  From click to sale, of those of the n that have a time at or after the click, of which there are so many.
create or replace function analytics.revenue(first_day date, last_day date, by text[] default '{}', as_of timestamptz default null)
returns table (
    cell jsonb, clicks bigint, conversions bigint, people bigint, converting_people bigint, is_mature boolean,
    n bigint, d bigint, rate numeric, low numeric, high numeric, design_effect numeric,
    currency text, expected_commission numeric, actual_commission numeric, conversions_without_amount bigint,
    epc numeric, epc_low numeric, epc_high numeric, open_clicks bigint,
    timed_conversions bigint, median_seconds numeric, p90_seconds numeric
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $body$
declare
    published constant text[] := '{day,week,month,currency,affiliate_network,source_page,device_type,utm_source,utm_medium,utm_campaign}';
    g record;
    zone constant text := pipeline.setting('timezone');
    begins constant date := greatest(first_day, pipeline.setting('first_day')::date);
    -- Valid clicks with every dimension; those that nothing asks for cost nothing. Whom nothing names is each time somebody else.
    clicked constant text := $query$
        select
            c.day, date_trunc('week', c.day)::date as week, date_trunc('month', c.day)::date as month, c.currency, c.affiliate_network, c.source_page,
            c.device_type, c.utm_source, c.utm_medium, c.utm_campaign, coalesce(c.product_id::text, '(not set)') as product_id,
            coalesce(p.brand, '(not set)') as brand, coalesce(p.category, '(not set)') as category,
            coalesce(c.person_number, uuid_hash_extended(c.click_id, 0)) as who, c.person_number is not null as is_named,
            c.counted_as_converted as is_sold, c.counted_commission as paid, c.expected_commission as expected,
            c.clicked_at + analytics.attribution_window(c.affiliate_network) * interval '24 hours' < now() as is_over,
            extract(epoch from c.counted_converted_at - c.clicked_at)::float8 as took
        from (
            select f.*, analytics.local_day(f.clicked_at, $3) as day
            from staging.click_facts as f
            where f.clicked_at >= analytics.day_start($1, $3) and f.clicked_at < analytics.day_start($2 + 1, $3) and f.verdict = 'valid'
        ) as c
        left join staging.product_facts as p on p.product_id = c.product_id
    $query$;
begin
    select * into g from pipeline.grouped_by(
        'analytics.revenue', first_day, last_day, by, published || case when as_of is null then '{product_id,brand,category}'::text[] else '{}' end
    );
    if as_of is not null then
        return query execute format(
            $query$
                with days as (
                    select
                        r.*, date_trunc('week', r.day)::date as week, date_trunc('month', r.day)::date as month,
                        analytics.day_start(r.day + 1, $3) + analytics.attribution_window(r.affiliate_network) * interval '24 hours' <= $4 as is_over
                    from history.revenue_daily($4) as r
                    where r.day between $1 and $2 and r.valid_clicks > 0
                ),
                totals as (
                    select
                        %1$s as cell, coalesce(sum(r.valid_clicks), 0)::bigint as clicks, coalesce(sum(r.conversions), 0)::bigint as conversions,
                        coalesce(sum(r.conversions) filter (where r.is_over), 0)::bigint as n,
                        coalesce(sum(r.valid_clicks) filter (where r.is_over), 0)::bigint as d,
                        case when min(r.currency) = max(r.currency) then min(r.currency) end as one_currency,
                        sum(r.expected_commission) as expected, sum(r.actual_commission) as actual,
                        coalesce(sum(r.conversions_without_amount), 0)::bigint as without_amount,
                        sum(r.actual_commission) filter (where r.is_over) as earned
                    from days as r
                    group by %2$s
                )
                select
                    t.cell, t.clicks, t.conversions, null::bigint, null::bigint, t.clicks = t.d,
                    t.n, t.d, analytics.rate(t.n, t.d), null::numeric, null::numeric, null::numeric,
                    t.one_currency, case when t.one_currency is not null then t.expected end, case when t.one_currency is not null then t.actual end, t.without_amount,
                    case when t.one_currency is not null then analytics.rate(t.earned, t.d) end, null::numeric, null::numeric, t.clicks - t.d,
                    null::bigint, null::numeric, null::numeric
                from totals as t
                order by t.cell
            $query$, g.cell, g.keys
        ) using begins, last_day, zone, as_of;
        return;
    end if;
    return query execute format(
        $query$
            with each as (
                select
                    %3$s c.who, c.is_named, count(*) as clicks, count(*) filter (where c.is_sold) as sold,
                    count(*) filter (where c.is_over) as d, count(*) filter (where c.is_sold and c.is_over) as n,
                    -- Of the few that earned: a sum of nothing is kept for nobody else.
                    sum(c.paid) filter (where c.paid is not null and c.is_over) as earned
                from (%5$s) as c
                group by %3$s c.who, c.is_named
            ),
            -- What need not be known of each person.
            money as (
                select
                    %3$s case when min(c.currency collate "C") = max(c.currency collate "C") then min(c.currency collate "C") end as one_currency,
                    sum(c.expected) as expected, sum(c.paid) as paid,
                    count(*) filter (where c.is_sold and c.paid is null) as without_amount
                from (%5$s) as c
                group by %2$s
            ),
            totals as (
                select
                    %1$s as cell, %3$s coalesce(sum(r.clicks), 0)::bigint as clicks, coalesce(sum(r.sold), 0)::bigint as sold,
                    count(*) filter (where r.is_named) as people, count(*) filter (where r.is_named and r.sold > 0) as converting_people,
                    coalesce(sum(r.n), 0)::bigint as n, coalesce(sum(r.d), 0)::bigint as d, count(*) filter (where r.d > 0) as cases,
                    least(count(*) filter (where r.n > 0), count(*) filter (where r.n < r.d)) as telling,
                    sum(r.n * r.n) as nn, sum(r.n * r.d) as nd, sum(r.d * r.d) as dd, sum(r.d::float8 ^ 3)::numeric as ddd,
                    sum(r.earned) as earned, count(*) filter (where r.earned <> 0) as earning, sum(r.earned * r.earned) as ee, sum(r.earned * r.d) as ed
                from each as r
                group by %2$s
            ),
            times as (
                select
                    %3$s count(*) as timed,
                    percentile_cont(array[0.5, 0.9]) within group (order by c.took) as seconds
                from (%5$s) as c
                where c.is_over and c.is_sold and c.took >= 0
                group by %2$s
            ),
            judged as (
                select
                    t.*, m.one_currency, m.expected, m.paid, m.without_amount, coalesce(l.timed, 0) as timed, l.seconds,
                    analytics.design_effect(t.n, t.d, t.telling, t.nn, t.nd, t.dd, t.ddd) as effect,
                    t.earned / nullif(t.d, 0) as mean,
                    case
                        when m.one_currency is not null and t.cases >= 30 and t.earned > 0 then
                            analytics.students_t(least(t.earning, t.d * t.d / t.dd - 1)) / t.earned * sqrt(
                                greatest(0, t.ee - 2 * t.earned / t.d * t.ed + (t.earned / t.d) ^ 2 * t.dd) / analytics.seen_variance(t.d, t.dd, t.ddd)
                            )
                    end as factor
                from totals as t
                join money as m %4$s
                left join times as l %4$s
            )
            select
                j.cell, j.clicks, j.sold, j.people, j.converting_people, j.clicks = j.d,
                j.n, j.d, analytics.rate(j.n, j.d), analytics.wilson_low(j.n / j.effect, j.d / j.effect),
                analytics.wilson_high(j.n / j.effect, j.d / j.effect), j.effect,
                j.one_currency collate "default", case when j.one_currency is not null then j.expected end,
                case when j.one_currency is not null then coalesce(j.paid, case when j.sold = 0 then 0 end) end, j.without_amount,
                case when j.one_currency is not null then analytics.rate(coalesce(j.earned, case when j.n = 0 then 0 end), j.d) end,
                round(j.mean * exp(-j.factor), 6), round(j.mean * exp(j.factor), 6), j.clicks - j.d,
                j.timed, round(j.seconds[1]::numeric, 3), round(j.seconds[2]::numeric, 3)
            from judged as j
            order by j.cell
        $query$, g.cell, g.keys, g.listed, g.same, clicked
    ) using begins, last_day, zone;
end
$body$

-- query: mobile against desktop, with uncertainty
--   select r.cell ->> 'device_type' as device, r.clicks, r.is_mature, r.d as mature_clicks, r.n as sold_of_these,
--       r.rate, r.low, r.high, r.design_effect
--   from analytics.revenue(current_date - 120, current_date - 31, array['device_type']) as r
--   where r.cell ->> 'device_type' in ('mobile', 'desktop')
-- query: earnings per click by network and month, with bounds and how much is not known yet
--   select r.cell ->> 'month' as month, r.cell ->> 'affiliate_network' as network, r.currency, r.epc, r.epc_low, r.epc_high, r.open_clicks
--   from analytics.revenue(current_date - 365, current_date, array['month', 'affiliate_network', 'currency']) as r
-- query: what the report of a month ago said of the month before it
--   select r.cell ->> 'affiliate_network' as network, r.clicks, r.conversions, r.currency, r.actual_commission
--   from analytics.revenue(current_date - 60, current_date - 31, array['affiliate_network', 'currency'], now() - interval '30 days') as r
