-- Every session that the build of a day saw has a row of that day, those that opened a page within the window have reached that step, and no other.
-- asset: analytics.session_steps
-- severity: error
-- remedy: aclue funnel rebuild --from … --to … # over the days named here
with built as (
    select
        d.day as day,
        coalesce((d.figures ->> 'sessions')::bigint, 0) as sessions,
        coalesce((d.figures ->> 'viewed')::bigint, 0) as viewed
    from pipeline.days as d
    where d.table_name = 'analytics.session_steps'
),
published as (
    select s.day as day, count(*) as sessions, count(s.step_2_at) as viewed
    from analytics.session_steps as s
    where s.path = 'all'
    group by s.day
),
differing as (
    select coalesce(b.day, p.day) as day
    from built as b
    full join published as p on p.day = b.day
    where (b.sessions, b.viewed) is distinct from (coalesce(p.sessions, 0), coalesce(p.viewed, 0))
)
select
    not exists (select 1 from differing) as passed,
    format(
        '%s sessions in %s days, %s of them opened a page; %s days differ',
        (select coalesce(sum(b.sessions), 0) from built as b), (select count(*) from built), (select coalesce(sum(b.viewed), 0) from built as b),
        (select count(*) from differing)
    ) as says,
    (select count(*) from built) as days,
    (select coalesce(jsonb_agg(d.day order by d.day), '[]') from (select f.day as day from differing as f order by f.day limit 40) as d) as days_that_differ
