-- Source days as they are now (in `looked`), against the last look: what differs marks the days it reaches; where rows only went, the days that
-- published them stay as they are, flagged with how many.
create temporary table differing on commit drop as
select
    g.day::date as day,
    coalesce(l.rows, 0) as rows,
    coalesce(l.digest, 0) as digest,
    greatest(k.rows - coalesce(l.rows, 0), 0) as went
from generate_series(:first::date, :last::date, interval '1 day') as g (day)
left join looked as l on l.day = g.day::date
left join pipeline.source_days as k on k.source = :source and k.day = g.day::date
where k.day is null or (k.rows, k.digest) is distinct from (coalesce(l.rows, 0), coalesce(l.digest, 0));
analyze differing; -- most days differ in nothing: not analyzed, all sessions would be taken for reached, and the plan compiled for them

create temporary table reached on commit drop as
select distinct t.table_name, r.day, r.looked_at, r.went
from unnest(:tables::text[], :reaches::text[]) as t (table_name, reach)
join (
    select 'view_day' as reach, d.day, d.day as looked_at, d.went from differing as d where :source = 'views'
    union all
    select 'impression_day', d.day, d.day, d.went from differing as d where :source = 'views'
    union all
    select 'recommendation_day', d.day, d.day, d.went from differing as d where :source = 'recommendations'
    union all
    select distinct 'recommendation_day', analytics.local_day(analytics.usable(r.created_at), :timezone), d.day, 0
    from differing as d
    join public.product_views as v
        on v.view_timestamp >= analytics.day_start(d.day, :timezone) and v.view_timestamp < analytics.day_start(d.day + 1, :timezone)
    join public.recommendations as r on r.id = v.recommendation_id
    where :source = 'views' and d.went = 0 and exists (select from pipeline.days)
    union all
    -- Which recommendation a view showed that went, nobody knows.
    select distinct 'recommendation_day', analytics.local_day(r.created_at, :timezone), d.day, d.went
    from differing as d
    join public.recommendations as r
        on r.created_at >= analytics.day_start(d.day, :timezone) - :funnel_window_days * interval '24 hours'
        and r.created_at < analytics.day_start(d.day + 1, :timezone) + interval '24 hours'
    where :source = 'views' and d.went > 0 and exists (select from pipeline.days)
    union all
    select distinct 'session_day', analytics.local_day(s.landed_at, :timezone), d.day, 0
    from differing as d
    join public.product_views as v
        on v.view_timestamp >= analytics.day_start(d.day, :timezone) and v.view_timestamp < analytics.day_start(d.day + 1, :timezone)
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(v.session_id)
    join staging.session_facts as s on s.session_number = n.session_number
    where :source = 'views' and d.went = 0 and s.landed_at is not null and exists (select from pipeline.days)
    union all
    select distinct 'session_day', analytics.local_day(s.landed_at, :timezone), d.day, d.went
    from differing as d
    join staging.session_facts as s
        on s.landed_at < analytics.day_start(d.day + 1, :timezone)
        -- Views count for so long after the landing, whatever the session says of its end.
        and greatest(s.active_until, s.landed_at + interval '24 hours') >= analytics.day_start(d.day, :timezone)
        and s.landed_at >= analytics.day_start(d.day, :timezone) - :funnel_window_days * interval '24 hours'
    where (:source = 'swipes' or d.went > 0) and exists (select from pipeline.days)
) as r on r.reach = t.reach;

update pipeline.days as p set lost = p.lost + r.went
from (select q.table_name, q.day, sum(q.went) as went from reached as q group by q.table_name, q.day) as r
where p.table_name = r.table_name and p.day = r.day and r.went > 0;

insert into pipeline.dirty (table_name, day, cause, cell, noted_at)
select distinct r.table_name, r.day, 'late ' || rtrim(:source, 's'), '{}'::jsonb, :synced_at::timestamptz
from reached as r
join pipeline.days as p on p.table_name = r.table_name and p.day = r.day
where r.went = 0 and exists (select from pipeline.source_days as k where k.source = :source) -- a first look is no change
on conflict do nothing;

insert into pipeline.source_days as k (source, day, rows, digest, lost, looked_at)
select :source, d.day, d.rows, d.digest, 0, :synced_at from differing as d
on conflict (source, day) do update
set (rows, digest, lost, looked_at) = (excluded.rows, excluded.digest, k.lost + greatest(k.rows - excluded.rows, 0), excluded.looked_at);

drop table looked, differing, reached
