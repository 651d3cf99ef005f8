-- No day holds more than 10,000 rows: where one does, a dimension has as many values as it has rows, and a client writes ids where names belong.
-- asset: analytics.session_funnel_daily
-- severity: warn
-- remedy: look at the dimension named here in public.session_analytics, and stop the client that writes a value of its own into every row
with large as (
    select d.day as day, d.rows as rows
    from pipeline.days as d
    where d.table_name = 'analytics.session_funnel_daily' and d.rows > 10000
    order by d.rows desc, d.day desc
    limit 20
),
counted as (
    select
        l.day as day,
        l.rows as rows,
        count(distinct f.device_type) as devices,
        count(distinct f.landing_page) as pages,
        count(distinct f.utm_source) as sources
    from large as l
    join analytics.session_funnel_daily as f on f.day = l.day
    group by l.day, l.rows
),
named as (
    select distinct on (c.day) c.day as day, c.rows as rows, n.dimension as dimension, n.distinct_values as distinct_values
    from counted as c
    cross join lateral (
        values ('device_type', c.devices), ('landing_page', c.pages), ('utm_source', c.sources)
    ) as n (dimension, distinct_values)
    order by c.day, n.distinct_values desc, n.dimension
)
select
    not exists (select 1 from large) as passed,
    coalesce(
        (select format('%s has %s values on %s, which has %s rows', n.dimension, n.distinct_values, n.day, n.rows) from named as n order by n.rows desc limit 1),
        'no day has more than 10,000 rows'
    ) as says,
    (select coalesce(jsonb_agg(to_jsonb(n) order by n.day), '[]') from named as n) as days
