-- On every day that both tables have built and that no fact has changed since, the products' clicks, conversions and commission are those of revenue_daily.
-- asset: analytics.product_revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild --from … --to … # over the days named here
with both_built as (
    select d.day as day
    from pipeline.days as d
    where d.table_name in ('analytics.product_revenue_daily', 'analytics.revenue_daily')
        and not exists (
            select 1
            from pipeline.dirty as x
            where x.table_name in ('analytics.product_revenue_daily', 'analytics.revenue_daily') and x.day = d.day
        )
    group by d.day
    -- A day that stays as an earlier release published it has no version: it was built by neither.
    having count(d.version) = 2
),
by_product as (
    select p.day as day, sum(p.clicks) as clicks, sum(p.conversions) as conversions, sum(coalesce(p.actual_commission, 0)) as commission
    from analytics.product_revenue_daily as p
    group by p.day
),
by_page as (
    select r.day as day, sum(r.valid_clicks) as clicks, sum(r.conversions) as conversions, sum(coalesce(r.actual_commission, 0)) as commission
    from analytics.revenue_daily as r
    group by r.day
),
differing as (
    select b.day as day
    from both_built as b
    left join by_product as p on p.day = b.day
    left join by_page as r on r.day = b.day
    where (coalesce(p.clicks, 0), coalesce(p.conversions, 0), coalesce(p.commission, 0))
        is distinct from (coalesce(r.clicks, 0), coalesce(r.conversions, 0), coalesce(r.commission, 0))
)
select
    not exists (select 1 from differing) as passed,
    (select count(*) from both_built) || ' days compared, ' || (select count(*) from differing) || ' differ' as says,
    (select count(*) from both_built) as days,
    (select coalesce(jsonb_agg(d.day order by d.day), '[]') from (select f.day as day from differing as f order by f.day limit 40) as d) as days_that_differ
