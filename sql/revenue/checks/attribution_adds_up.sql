-- Every sale of a valid click is in one published day or in one named bucket, and in every dimension and model the touches share all of it: sales and
-- commission, to the penny.
-- asset: analytics.attribution_daily
-- severity: error
-- remedy: aclue revenue rebuild # if a day stays different, aclue revenue rebuild --from … --to … over the days named here
with facts as (
    select
        analytics.local_day(c.counted_converted_at, :timezone) as day,
        c.currency as currency,
        count(*) filter (where c.counted_as_converted) as conversions,
        coalesce(sum(c.counted_commission), 0) as commission
    from staging.click_facts as c
    where c.counted_as_converted or c.counted_commission is not null
    group by 1, 2
),
models as (
    select a.day as day, a.currency as currency, sum(a.conversions) as conversions, sum(coalesce(a.commission, 0)) as commission
    from analytics.attribution_daily as a
    group by a.day, a.currency, a.dimension, a.model
),
published as (
    select
        m.day as day,
        m.currency as currency,
        count(*) as models,
        min(m.conversions) as fewest,
        max(m.conversions) as most,
        min(m.commission) as least,
        max(m.commission) as highest
    from models as m
    group by m.day, m.currency
),
counted as (
    select
        coalesce(f.day, p.day) as day,
        sum(coalesce(f.conversions, 0)) as rows,
        sum(coalesce(f.commission, 0)) as commission,
        bool_or(
            (f.conversions, f.conversions, f.commission, f.commission) is distinct from (p.fewest, p.most, p.least, p.highest)
            -- Five dimensions, each by six models.
            or p.models <> 30
        ) as differs
    from facts as f
    full join published as p on p.day = f.day and p.currency = f.currency
    group by 1
)
select a.*
from pipeline.adds_up('analytics.attribution_daily', 'sales', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
