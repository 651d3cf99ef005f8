-- A month's curve holds every valid click of it, every sale and every penny, once; and it never falls.
-- asset: analytics.conversion_lag
-- severity: error
-- remedy: aclue revenue rebuild # if a month stays different, look at its clicks in staging.click_facts
with facts as (
    select
        date_trunc('month', analytics.local_day(f.clicked_at, :timezone))::date as click_month,
        f.currency as currency,
        count(*) as clicks,
        count(*) filter (where f.counted_as_converted) as conversions,
        coalesce(sum(f.counted_commission), 0) as commission
    from staging.click_facts as f
    where f.verdict = 'valid'
    group by 1, 2
),
rising as (
    select
        l.*,
        count(*) over (partition by l.click_month, l.currency, l.affiliate_network) as days,
        l.conversions < lag(l.conversions) over (partition by l.click_month, l.currency, l.affiliate_network order by l.days_since)
        or l.conversions > l.conversions_to_date as falls
    from analytics.conversion_lag as l
),
published as (
    select
        r.click_month as click_month,
        r.currency as currency,
        sum(r.clicks) as clicks,
        sum(r.conversions_to_date + r.conversions_negative_lag + r.conversions_without_time) as conversions,
        sum(r.commission_to_date + r.commission_without_lag) as commission,
        bool_or(r.falls is true or r.days <> 91) as is_broken
    from rising as r
    group by 1, 2
),
differing as (
    select
        coalesce(f.click_month, p.click_month) as click_month,
        -- What changed since the table was replaced is noted in the transaction that changed it.
        exists (
            select 1
            from pipeline.dirty as x
            where x.table_name = 'analytics.conversion_lag' and date_trunc('month', x.day) = coalesce(f.click_month, p.click_month)
        ) and p.is_broken is not true as waits
    from facts as f
    full join published as p on p.click_month = f.click_month and p.currency = f.currency
    -- Each row of a curve has the same totals.
    where (f.clicks * 91, f.conversions * 91, f.commission * 91) is distinct from (p.clicks, p.conversions, p.commission) or p.is_broken
)
select
    not exists (select 1 from differing as d where not d.waits) as passed,
    format(
        'curves of %s months and currencies; %s differ from their clicks or fall, %s wait for a rebuild', (select count(*) from published),
        (select count(*) from differing as d where not d.waits), (select count(*) from differing as d where d.waits)
    ) as says,
    (select count(*) from published) as curves,
    (select count(*) from differing as d where d.waits) as waiting,
    (
        select coalesce(jsonb_agg(d.click_month order by d.click_month), '[]')
        from (select distinct f.click_month from differing as f where not f.waits) as d
    ) as months_that_differ
