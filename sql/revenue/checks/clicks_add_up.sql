-- Every click there is or ever was is in one published day or in one named bucket, and its commission with it, to the penny.
-- asset: analytics.revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild; if a day stays different, aclue revenue rebuild --from … --to … over the days named here
with built as (
    select
        d.day as day,
        d.lost > 0 as stays,
        exists (select 1 from pipeline.dirty as x where x.table_name = d.table_name and x.day = d.day) as is_waiting
    from pipeline.days as d
    where d.table_name = 'analytics.revenue_daily'
),
facts as (
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
placed as (
    select
        coalesce(f.day, p.day) as day,
        case
            when coalesce(f.day, p.day) is null then 'no_date'
            when b.is_waiting then 'waiting'
            when b.stays then 'as_published'
            when b.day is not null then 'in_days'
            when coalesce(f.day, p.day) < :first_day then 'before_first_day'
            when coalesce(f.day, p.day) >= analytics.local_day(now(), :timezone) then 'not_over'
            else 'never_built'
        end as bucket,
        coalesce(f.clicks, 0) as clicks,
        coalesce(f.commission, 0) as commission,
        coalesce(p.clicks, 0) as published,
        coalesce(p.commission, 0) as published_commission
    from facts as f
    full join published as p on p.day = f.day
    left join built as b on b.day = coalesce(f.day, p.day)
),
summed as (
    select
        coalesce(sum(p.clicks), 0) as rows_in,
        coalesce(sum(p.commission), 0) as commission_in,
        coalesce(sum(p.published) filter (where p.bucket = 'in_days'), 0) as in_days,
        coalesce(sum(p.published_commission) filter (where p.bucket = 'in_days'), 0) as commission_in_days,
        coalesce(sum(p.clicks) filter (where p.bucket = 'no_date'), 0) as no_date,
        coalesce(sum(p.commission) filter (where p.bucket = 'no_date'), 0) as commission_no_date,
        coalesce(sum(p.clicks) filter (where p.bucket = 'before_first_day'), 0) as before_first_day,
        coalesce(sum(p.clicks) filter (where p.bucket = 'waiting'), 0) as waiting,
        coalesce(sum(p.clicks) filter (where p.bucket = 'as_published'), 0) as as_published,
        coalesce(sum(p.clicks) filter (where p.bucket = 'not_over'), 0) as not_over,
        coalesce(sum(p.clicks) filter (where p.bucket = 'never_built'), 0) as never_built,
        count(*) filter (where p.bucket = 'in_days' and (p.clicks <> p.published or p.commission <> p.published_commission)) as days_that_differ
    from placed as p
)
select
    s.days_that_differ = 0 and not exists (select 1 from placed as p where p.bucket = 'never_built') as passed,
    format(
        '%s clicks = %s in days + %s without a date + %s before the first day + %s of days waiting for a rebuild + %s of days that stay as published + %s of days not over + %s of days never built; %s days differ',
        s.rows_in, s.in_days, s.no_date, s.before_first_day, s.waiting, s.as_published, s.not_over, s.never_built, s.days_that_differ
    ) as says,
    s.rows_in as rows_in,
    s.in_days as in_days,
    s.no_date as no_date,
    s.before_first_day as before_first_day,
    s.waiting as waiting,
    s.as_published as as_published,
    s.not_over as not_over,
    s.never_built as never_built,
    (select count(*) from staging.click_facts as c where c.gone_at is not null) as of_these_gone,
    (
        select count(*)
        from public.affiliate_clicks as c
        where not exists (select 1 from staging.click_facts as f where f.click_id = c.id)
    ) as not_synced,
    s.commission_in as commission_in,
    s.commission_in_days as commission_in_days,
    s.commission_no_date as commission_no_date,
    s.days_that_differ as days_that_differ,
    (
        select coalesce(jsonb_agg(d.day order by d.day), '[]')
        from (
            select p.day as day
            from placed as p
            where p.bucket = 'never_built' or p.bucket = 'in_days' and (p.clicks <> p.published or p.commission <> p.published_commission)
            order by p.day
            limit 40
        ) as d
    ) as days
from summed as s
