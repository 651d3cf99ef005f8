-- Every product view that the build of a day saw is in a row of that day or in a named bucket, and every view there is, in a day or in a bucket.
-- asset: analytics.product_revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild; if a day stays different, aclue revenue rebuild --from … --to … over the days named here
with built as (
    select
        d.day as day,
        d.version is null as stays,
        coalesce((d.figures ->> 'rows')::bigint, 0) as seen,
        coalesce((d.figures ->> 'impressions')::bigint, 0) as impressions,
        coalesce((d.figures ->> 'machine_impressions')::bigint, 0) as machine_impressions,
        coalesce((d.figures ->> 'clicked_impressions')::bigint, 0) as clicked_impressions,
        coalesce((d.figures ->> 'detail_views')::bigint, 0) as detail_views,
        coalesce((d.figures ->> 'other_kinds')::bigint, 0) as other_kinds,
        coalesce((d.figures ->> 'repeats')::bigint, 0) as repeats
    from pipeline.days as d
    where d.table_name = 'analytics.product_revenue_daily'
),
published as (
    select
        r.day as day,
        sum(r.impressions) as impressions,
        sum(r.machine_impressions) as machine_impressions,
        sum(r.clicked_impressions) as clicked_impressions,
        sum(r.detail_views + r.machine_detail_views) as detail_views
    from analytics.product_revenue_daily as r
    group by r.day
),
differing as (
    select coalesce(b.day, p.day) as day
    from built as b
    full join published as p on p.day = b.day
    where b.stays is not true
        and (
            (b.impressions, b.machine_impressions, b.clicked_impressions, b.detail_views)
            is distinct from (
                coalesce(p.impressions, 0), coalesce(p.machine_impressions, 0), coalesce(p.clicked_impressions, 0), coalesce(p.detail_views, 0)
            )
            or b.seen <> b.impressions + b.machine_impressions + b.detail_views + b.other_kinds + b.repeats
        )
),
source as (
    select analytics.local_day(analytics.usable(v.view_timestamp), :timezone) as day, count(*) as views
    from public.product_views as v
    group by 1
),
placed as (
    select
        s.day as day,
        case
            when s.day is null then 'no_date'
            when b.stays then 'as_published'
            when b.day is not null then 'in_days'
            when s.day < :first_day then 'before_first_day'
            when s.day >= analytics.local_day(now(), :timezone) then 'not_over'
            else 'never_built'
        end as bucket,
        s.views as views
    from source as s
    left join built as b on b.day = s.day
),
summed as (
    select
        coalesce(sum(p.views), 0) as rows_in,
        coalesce(sum(p.views) filter (where p.bucket = 'in_days'), 0) as now_in_days,
        coalesce(sum(p.views) filter (where p.bucket = 'no_date'), 0) as no_date,
        coalesce(sum(p.views) filter (where p.bucket = 'before_first_day'), 0) as before_first_day,
        coalesce(sum(p.views) filter (where p.bucket = 'not_over'), 0) as not_over,
        coalesce(sum(p.views) filter (where p.bucket = 'as_published'), 0) as as_published,
        coalesce(sum(p.views) filter (where p.bucket = 'never_built'), 0) as never_built
    from placed as p
),
seen as (
    select
        coalesce(sum(b.seen), 0) as seen,
        coalesce(sum(b.impressions + b.machine_impressions), 0) as impressions,
        coalesce(sum(b.detail_views), 0) as detail_views,
        coalesce(sum(b.other_kinds), 0) as other_kinds,
        coalesce(sum(b.repeats), 0) as repeats
    from built as b
)
select
    not exists (select 1 from differing) and s.never_built = 0 as passed,
    format(
        '%s views = %s seen by builds (%s impressions, %s opened pages, %s of other kinds, %s repeated) + %s since + %s without a date + %s before the first day + %s of days that stay as published + %s of days not over + %s of days never built; %s days differ',
        s.rows_in, w.seen, w.impressions, w.detail_views, w.other_kinds, w.repeats, s.now_in_days - w.seen, s.no_date, s.before_first_day, s.as_published, s.not_over,
        s.never_built, (select count(*) from differing)
    ) as says,
    s.rows_in as rows_in,
    w.seen as in_days,
    w.impressions as impressions,
    w.detail_views as detail_views,
    w.other_kinds as other_kinds,
    w.repeats as repeats,
    s.now_in_days - w.seen as came_less_went_since,
    s.no_date as no_date,
    s.before_first_day as before_first_day,
    s.as_published as as_published,
    s.not_over as not_over,
    s.never_built as never_built,
    (
        select coalesce(jsonb_agg(d.day order by d.day), '[]')
        from (
            select f.day as day from differing as f
            union all
            select p.day as day from placed as p where p.bucket = 'never_built'
            order by 1
            limit 40
        ) as d
    ) as days
from summed as s, seen as w
