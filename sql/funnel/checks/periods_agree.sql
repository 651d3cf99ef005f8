-- A week and a month have as many new people as their days together, and no fewer people than their fullest day nor more than all of them.
-- asset: analytics.people_active
-- severity: error
-- remedy: aclue funnel rebuild --from … --to … # over the last days of the periods named here
with periods as (
    select
        r.day as day,
        r.period as period,
        r.people as people,
        r.first_time as first_time,
        max(d.people) as fullest_day,
        sum(d.people) as of_all_days,
        sum(d.first_time) as first_time_of_days
    from analytics.people_active as r
    join analytics.people_active as d on d.period = 'day' and d.day >= r.period_start and d.day <= r.day
    where r.period <> 'day'
    group by 1, 2, 3, 4
),
waiting as (
    select x.day as day from pipeline.dirty as x where x.table_name = 'analytics.people_active'
),
-- Periods that begin before the first built day, or of which a day waits, cannot be told.
judged as (
    select
        p.*,
        (p.first_time, true) is distinct from (p.first_time_of_days, p.people between p.fullest_day and p.of_all_days) as differs
    from periods as p
    join analytics.people_active as r on r.day = p.day and r.period = p.period
    where not exists (select 1 from waiting as w where w.day >= r.period_start and w.day <= r.day)
        and not exists (
            select 1
            from generate_series(greatest(r.period_start, :first_day::date)::timestamp, r.day::timestamp, interval '1 day') as g (day)
            where not exists (select 1 from pipeline.days as b where b.table_name = 'analytics.people_active' and b.day = g.day::date)
        )
)
select
    not exists (select 1 from judged as j where j.differs) as passed,
    format(
        '%s of %s weeks and months could be judged, %s of them do not agree with their days', (select count(*) from judged),
        (select count(*) from periods), (select count(*) from judged as j where j.differs)
    ) as says,
    (select count(*) from judged) as judged,
    (
        select coalesce(jsonb_agg(to_jsonb(d) order by d.day, d.period), '[]')
        from (select j.* from judged as j where j.differs order by j.day, j.period limit 40) as d
    ) as differing
