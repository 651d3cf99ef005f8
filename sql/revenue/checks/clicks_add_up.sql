-- Every click there is or ever was is in one published day or in one named bucket, and its commission with it, to the penny.
-- asset: analytics.revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild # if a day stays different, aclue revenue rebuild --from … --to … over the days named here
with facts as (
    select
        analytics.local_day(c.clicked_at, :timezone) as day,
        count(*) as clicks,
        coalesce(sum(case c.verdict when 'valid' then c.counted_commission when 'repeat' then 0 else c.actual_commission end), 0) as commission
    from staging.click_facts as c
    group by 1
),
published as (
    select
        r.day as day,
        sum(r.clicks + r.repeats) as clicks,
        sum(coalesce(r.actual_commission, 0) + r.commission_on_rejected_clicks) as commission
    from analytics.revenue_daily as r
    group by r.day
),
counted as (
    select
        coalesce(f.day, p.day) as day,
        coalesce(f.clicks, 0) as rows,
        coalesce(f.commission, 0) as commission,
        (coalesce(f.clicks, 0), coalesce(f.commission, 0)) <> (coalesce(p.clicks, 0), coalesce(p.commission, 0)) as differs
    from facts as f
    full join published as p on p.day = f.day
)
select
    a.*,
    (select count(*) from staging.click_facts as c where c.gone_at is not null) as gone_from_the_app,
    (
        select count(*)
        from public.affiliate_clicks as c
        where not exists (select 1 from staging.click_facts as f where f.click_id = c.id)
    ) as not_synced
from pipeline.adds_up('analytics.revenue_daily', 'clicks', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
