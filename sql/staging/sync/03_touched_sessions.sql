-- Sessions that may have changed: their own row, one of their clicks, or a new view; what their row says now, and their events' first times.
-- Views of the overlap that the last sync saw are not new: no fact tells, but the number of the transaction that wrote them (its lower 32 bits).
create temporary table new_views on commit drop as
select v.session_id, v.product_id, v.recommendation_id, analytics.usable(v.view_timestamp) as viewed_at
from public.product_views as v
left join (select s.seen_before::text::bigint as seen_before from pipeline.syncs as s order by s.sync desc limit 1) as l on true
cross join (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next) as x
where v.created_at >= :since and (not :is_full or :has_published)
    and (x.next - mod(x.next - v.xmin::text::bigint, 4294967296) < l.seen_before) is not true;

create temporary table touched on commit drop as
select distinct t.session_id, analytics.session_key(t.session_id) as session_key
from (
    select c.session_id from changed_clicks as c where c.moves_session
    union all
    select v.session_id from new_views as v
    union all
    select s.session_id from public.session_analytics as s where :is_full or s.updated_at >= :since
    union all
    select v.session_id from public.product_views as v where :is_full
) as t
where t.session_id is not null;
analyze touched;

insert into pipeline.session_numbers (session_key, session_number)
select t.session_key, ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint
from touched as t
on conflict do nothing;

-- A session of which a row was erased and another was not goes by two names, its own and its key.
create temporary table session_names on commit drop as
select n.session_number, t.session_id
from touched as t
join pipeline.session_numbers as n on n.session_key = t.session_key
union
select n.session_number, s.session_id
from touched as t
join pipeline.session_numbers as n on n.session_key = t.session_key
join public.session_analytics as s on s.session_id = t.session_key;
analyze session_names;

create temporary table session_rows on commit drop as
select distinct on (n.session_number)
    n.session_number,
    n.session_id,
    s.session_key is not null as is_recorded,
    coalesce(not f.is_orphan, false) as is_known,
    s.identity,
    s.user_id,
    s.visitor,
    s.started_at,
    s.active_until,
    s.landing_page,
    s.device_type,
    s.utm_source,
    s.utm_medium,
    s.utm_campaign,
    s.registered_at,
    s.has_converted,
    s.engaged_seconds,
    s.app_products_viewed,
    s.app_swipes,
    s.app_clicks,
    s.app_registered,
    s.has_registration_time,
    s.app_bounced
from session_names as n
left join staging.sessions as s on s.session_id = n.session_id
left join staging.session_facts as f on f.session_number = n.session_number
order by n.session_number, s.session_key is null, n.session_id <> s.session_key;
create unique index on session_rows (session_number);
analyze session_rows
