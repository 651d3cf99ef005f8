-- Every session that the build of a day saw is in a row of that day, once among the depths and once among the lengths; no bounce that did not view.
-- asset: analytics.session_quality_daily
-- severity: error
-- remedy: aclue funnel rebuild --from … --to … # over the days named here
with built as (
    select
        d.day as day,
        coalesce((d.figures ->> 'sessions')::bigint, 0) as sessions,
        coalesce((d.figures ->> 'machine_sessions')::bigint, 0) as machine_sessions,
        coalesce((d.figures ->> 'orphan_sessions')::bigint, 0) as orphan_sessions,
        coalesce((d.figures ->> 'engaged_seconds')::numeric, 0) as engaged_seconds
    from pipeline.days as d
    where d.table_name = 'analytics.session_quality_daily'
),
published as (
    select
        r.day as day,
        sum(r.sessions) as sessions,
        sum(r.machine_sessions) as machine_sessions,
        sum(r.orphan_sessions) as orphan_sessions,
        sum(r.engaged_seconds) as engaged_seconds,
        bool_and(
            r.sessions = r.opened_none + r.opened_1 + r.opened_2_to_4 + r.opened_5_to_9 + r.opened_10_or_more
            and r.sessions = r.sessions_of_unknown_length + r.lasted_under_10_s + r.lasted_under_1_min + r.lasted_under_5_min
            + r.lasted_under_30_min + r.lasted_30_min_or_more
            and r.bounces <= r.viewing_sessions and r.viewing_sessions <= r.sessions and r.swiping_sessions <= r.swipes
        ) as is_whole
    from analytics.session_quality_daily as r
    group by r.day
),
differing as (
    select coalesce(b.day, p.day) as day
    from built as b
    full join published as p on p.day = b.day
    where (b.sessions, b.machine_sessions, b.orphan_sessions, b.engaged_seconds)
        is distinct from (
            coalesce(p.sessions, 0), coalesce(p.machine_sessions, 0), coalesce(p.orphan_sessions, 0), coalesce(p.engaged_seconds, 0)
        )
        or not p.is_whole
)
select
    not exists (select 1 from differing) as passed,
    format(
        '%s sessions of people in %s days; %s days differ',
        (select coalesce(sum(b.sessions), 0) from built as b), (select count(*) from built), (select count(*) from differing)
    ) as says,
    (select count(*) from built) as days,
    (select coalesce(jsonb_agg(d.day order by d.day), '[]') from (select f.day as day from differing as f order by f.day limit 40) as d) as days_that_differ
