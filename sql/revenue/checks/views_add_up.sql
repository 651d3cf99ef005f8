-- Every product view there is, is in a day or in a named bucket; no day has more impressions or opened pages than were delivered; and the last day whose
-- views are those of its build has what they say one by one.
-- asset: analytics.product_revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild # if a day stays different, aclue revenue rebuild --from … --to … over the days named here

-- The table finds them session by session, staging.views view by view, which takes too long for every day.
with built as (
    select
        d.day as day,
        (d.figures ->> 'rows')::bigint as seen,
        coalesce((d.figures ->> 'deliveries')::bigint, 0) as deliveries,
        coalesce((d.figures ->> 'openings')::bigint, 0) as openings,
        (d.figures ->> 'digest')::numeric as digest
    from pipeline.days as d
    where d.table_name = 'analytics.product_revenue_daily'
),
published as (
    select
        r.day as day,
        sum(r.impressions) as impressions,
        sum(r.clicked_impressions) as clicked_impressions,
        sum(r.machine_impressions) as machine_impressions,
        sum(r.detail_views) as detail_views,
        sum(r.machine_detail_views) as machine_detail_views
    from analytics.product_revenue_daily as r
    group by r.day
),
source as (
    select
        analytics.local_day(analytics.usable(v.view_timestamp), :timezone) as day,
        count(*) as views,
        sum(uuid_hash_extended(v.id, coalesce(v.has_clicked_affiliate, false)::int)) as digest
    from public.product_views as v
    group by 1
),
last as (
    select max(b.day) as day
    from built as b
    join source as s on s.day = b.day and s.digest = b.digest
    where not exists (select 1 from pipeline.dirty as x where x.table_name = 'analytics.product_revenue_daily' and x.day = b.day)
),
-- The bounds are looked up on their own, so that the server finds the views of that day alone.
again as (
    select
        count(*) filter (where v.interaction_type = 'impression' and not v.is_machine) as impressions,
        count(*) filter (where v.interaction_type = 'impression' and not v.is_machine and v.has_clicked_affiliate) as clicked_impressions,
        count(*) filter (where v.interaction_type = 'impression' and v.is_machine) as machine_impressions,
        count(*) filter (where v.interaction_type = 'detail_view' and not v.is_machine) as detail_views,
        count(*) filter (where v.interaction_type = 'detail_view' and v.is_machine) as machine_detail_views
    from staging.views as v
    where v.viewed_at >= (select analytics.day_start(l.day, :timezone) from last as l)
        and v.viewed_at < (select analytics.day_start(l.day + 1, :timezone) from last as l)
),
counted as (
    select
        coalesce(s.day, b.day, p.day) as day,
        coalesce(s.views, 0) as rows,
        coalesce(p.impressions + p.machine_impressions, 0) not between sign(b.deliveries) and b.deliveries
        or coalesce(p.detail_views + p.machine_detail_views, 0) not between sign(b.openings) and b.openings
        or b.day = (select l.day from last as l) and (
            coalesce(p.impressions, 0), coalesce(p.clicked_impressions, 0), coalesce(p.machine_impressions, 0),
            coalesce(p.detail_views, 0), coalesce(p.machine_detail_views, 0)
        ) <> (g.impressions, g.clicked_impressions, g.machine_impressions, g.detail_views, g.machine_detail_views) as differs
    from built as b
    full join published as p on p.day = b.day
    full join source as s on s.day = coalesce(b.day, p.day)
    cross join again as g
)
select
    a.*,
    (
        select to_jsonb(s)
        from (
            select
                sum(b.seen) as seen,
                sum(b.deliveries) as deliveries,
                sum(b.openings) as openings,
                (select l.day from last as l) as counted_again
            from built as b
        ) as s
    ) as seen_by_builds
from pipeline.adds_up('analytics.product_revenue_daily', 'views', (select jsonb_agg(to_jsonb(c)) from counted as c), :first_day, :timezone) as a
