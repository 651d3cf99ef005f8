-- Every sale that was ever reported is in one published day or in one named bucket, and its commission with it, to the penny; whatever its click.
-- asset: analytics.commission_daily
-- severity: error
-- remedy: aclue revenue rebuild # if a day stays different, aclue revenue rebuild --from … --to … over the days named here
with facts as (
    select
        analytics.local_day(c.converted_at, :timezone) as day,
        count(*) filter (where c.is_converted) as conversions,
        count(*) filter (where not c.is_converted) as amounts,
        coalesce(sum(c.actual_commission), 0) as commission
    from staging.click_facts as c
    where c.is_converted or c.actual_commission is not null
    group by 1
),
published as (
    select
        r.day as day,
        sum(r.conversions) as conversions,
        sum(r.amounts_without_conversion) as amounts,
        sum(coalesce(r.actual_commission, 0)) as commission
    from analytics.commission_daily as r
    group by r.day
),
counted as (
    select
        coalesce(f.day, p.day) as day,
        coalesce(f.conversions, 0) as rows,
        coalesce(f.commission, 0) as commission,
        (coalesce(f.conversions, 0), coalesce(f.amounts, 0), coalesce(f.commission, 0))
        <> (coalesce(p.conversions, 0), coalesce(p.amounts, 0), coalesce(p.commission, 0)) as differs
    from facts as f
    full join published as p on p.day = f.day
)
select
    a.*,
    (select coalesce(sum(f.amounts), 0) from facts as f) as amounts_without_conversion
from pipeline.adds_up('analytics.commission_daily', 'sales', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
