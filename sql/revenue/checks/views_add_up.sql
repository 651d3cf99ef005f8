-- Rows in = impressions and opened pages in days + rows in named buckets: every product view of the 35 newest computed days, and every one without a date.
-- asset: analytics.product_revenue_daily
-- severity: error
-- remedy: aclue revenue rebuild
with built as (
    select d.day as day, (d.day::timestamp at time zone :timezone) as begins, ((d.day + 1)::timestamp at time zone :timezone) as ends
    from pipeline.days as d
    where d.table_name = 'analytics.product_revenue_daily'
        and d.day > (select max(l.day) from pipeline.days as l where l.table_name = 'analytics.product_revenue_daily') - 35
),
dated as (
    select count(*) as rows
    from built as b
    join public.product_views as v on v.view_timestamp >= b.begins and v.view_timestamp < b.ends
),
undated as (
    select count(*) as rows from public.product_views as v where v.view_timestamp is null
),
source as (
    select d.rows + u.rows as rows_in, u.rows as no_date from dated as d, undated as u
),
meant as (
    select count(*) as dated, count(*) filter (where coalesce(v.interaction_type, '') not in ('impression', 'detail_view')) as other_kinds
    from built as b
    join staging.views as v on v.view_timestamp >= b.begins and v.view_timestamp < b.ends
),
published as (
    select coalesce(sum(r.impressions), 0) as impressions, coalesce(sum(r.detail_views), 0) as detail_views
    from analytics.product_revenue_daily as r
    join built as b on b.day = r.day
)
select
    m.dated = p.impressions + p.detail_views + m.other_kinds as passed,
    format(
        '%s views = %s impressions + %s opened pages + %s of other kinds + %s repeated + %s without a date',
        s.rows_in, p.impressions, p.detail_views, m.other_kinds, s.rows_in - s.no_date - m.dated, s.no_date
    ) as says,
    s.rows_in as rows_in,
    p.impressions as impressions,
    p.detail_views as detail_views,
    m.other_kinds as other_kinds,
    s.rows_in - s.no_date - m.dated as duplicate,
    s.no_date as no_date
from source as s, meant as m, published as p
