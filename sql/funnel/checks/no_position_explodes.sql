-- No day holds more than 10,000 rows: where one does, view_position or view_source has as many values, and a client writes what is neither.
-- asset: analytics.ctr_by_position_daily
-- severity: warn
-- remedy: look at the dimension named here in public.product_views, and stop the client that writes a value of its own into every row
with large as (
    select d.day as day, d.rows as rows
    from pipeline.days as d
    where d.table_name = 'analytics.ctr_by_position_daily' and d.rows > 10000
    order by d.rows desc, d.day desc
    limit 20
),
named as (
    select
        l.day as day,
        l.rows as rows,
        case when count(distinct c.view_position) >= count(distinct c.view_source) then 'view_position' else 'view_source' end as dimension,
        greatest(count(distinct c.view_position), count(distinct c.view_source)) as distinct_values
    from large as l
    join analytics.ctr_by_position_daily as c on c.day = l.day
    group by l.day, l.rows
)
select
    not exists (select 1 from large) as passed,
    coalesce(
        (select format('%s has %s values on %s, which has %s rows', n.dimension, n.distinct_values, n.day, n.rows) from named as n order by n.rows desc limit 1),
        'no day has more than 10,000 rows'
    ) as says,
    (select coalesce(jsonb_agg(to_jsonb(n) order by n.day), '[]') from named as n) as days
