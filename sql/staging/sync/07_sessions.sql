-- What the touched sessions are now; what is known of them and was lost since (a deleted product's views, an erased user) stays.
create temporary table judged_sessions on commit drop as
with clicked as (
    select f.session_number, f.click_id, f.clicked_at, f.device_type, f.identity_number, f.machine_pattern
    from session_rows as r
    join staging.click_facts as f on f.session_number = r.session_number
),
events as (
    select r.session_number, e.at, e.device_type, e.user_id, null::bigint as identity_number, e.place, e.id
    from session_names as r
    join lateral (
        select analytics.usable(v.view_timestamp) as at, analytics.dimension(v.device_type) as device_type, v.user_id, 1 as place, v.id
        from public.product_views as v
        where v.session_id = r.session_id
    ) as e on e.at is not null
    union all
    select f.session_number, f.clicked_at, f.device_type, null::uuid, f.identity_number, 2, f.click_id
    from clicked as f
    where f.clicked_at is not null and f.machine_pattern is null
),
first_events as (
    select
        r.session_number,
        min(e.at) as first_at,
        min(e.at) filter (where e.at >= r.started_at - interval '5 minutes' and e.at < r.started_at) as early_at,
        (array_agg(e.device_type order by e.at, e.place, e.device_type collate "C"))[1] as device_type,
        min(e.user_id::text)::uuid as user_id,
        (array_agg(e.identity_number order by e.at, e.id) filter (where e.identity_number is not null))[1] as identity_number
    from session_rows as r
    join events as e on e.session_number = r.session_number
    group by r.session_number
),
machines as (
    select distinct f.session_number
    from clicked as f
    where f.machine_pattern is not null
),
-- Its row says it all, and better than its events did, so that a session which was an orphan is read as a new one.
known as (
    select f.*
    from session_rows as r
    join staging.session_facts as f on f.session_number = r.session_number
    where not (r.is_recorded and f.is_orphan)
),
now as (
    select
        r.session_number,
        r.is_recorded,
        g.is_orphan,
        case
            when r.is_recorded then case when f.session_number is null or r.user_id is not null then r.identity end
            when g.is_orphan and e.user_id is not null then analytics.person(e.user_id, null, null)
            when f.session_number is null and e.identity_number is null then analytics.person(null, null, r.session_id)
        end as identity,
        case when g.is_orphan and not coalesce(f.is_signed_in, false) then coalesce(e.identity_number, f.identity_number) else f.identity_number end
            as known_identity,
        f.person_number as known_person,
        case
            when r.is_recorded then least(r.started_at, e.early_at, case when f.started_at = r.started_at then f.landed_at end)
            when g.is_orphan then least(e.first_at, f.landed_at)
            else f.landed_at
        end as landed_at,
        case when r.is_recorded then r.started_at else f.started_at end as started_at,
        case when r.is_recorded then r.active_until when g.is_orphan then least(e.first_at, f.landed_at) + interval '30 minutes' else f.active_until end
            as active_until,
        case when r.is_recorded then r.landing_page else coalesce(f.landing_page, '(not set)') end as landing_page,
        case
            when r.is_recorded then r.device_type
            when f.session_number is null or (g.is_orphan and e.first_at <= f.landed_at) then e.device_type
            else f.device_type
        end as device_type,
        case when r.is_recorded then r.utm_source else coalesce(f.utm_source, '(not set)') end as utm_source,
        case when r.is_recorded then r.utm_medium else coalesce(f.utm_medium, '(not set)') end as utm_medium,
        case when r.is_recorded then r.utm_campaign else coalesce(f.utm_campaign, '(not set)') end as utm_campaign,
        coalesce(f.is_signed_in, false) or r.user_id is not null or (g.is_orphan and e.user_id is not null) as is_signed_in,
        f.is_newcomer as was_newcomer,
        coalesce(f.is_signed_in, false) and r.user_id is null as lost_its_user,
        case when r.is_recorded then r.registered_at else f.registered_at end as registered_at,
        case when r.is_recorded then r.has_converted else coalesce(f.has_converted, false) end as has_converted,
        case when r.is_recorded then r.engaged_seconds else f.engaged_seconds end as engaged_seconds,
        case when r.is_recorded then r.app_products_viewed else f.app_products_viewed end as app_products_viewed,
        case when r.is_recorded then r.app_swipes else f.app_swipes end as app_swipes,
        case when r.is_recorded then r.app_clicks else f.app_clicks end as app_clicks,
        case when r.is_recorded then r.app_registered else f.app_registered end as app_registered,
        case when r.is_recorded then r.has_registration_time else f.has_registration_time end as has_registration_time,
        case when r.is_recorded then r.app_bounced else f.app_bounced end as app_bounced,
        m.session_number is not null as is_machine
    from session_rows as r
    left join known as f on f.session_number = r.session_number
    left join first_events as e on e.session_number = r.session_number
    left join machines as m on m.session_number = r.session_number
    cross join lateral (select not r.is_recorded and coalesce(f.is_orphan, true) as is_orphan) as g
    where r.is_recorded or f.session_number is not null or e.first_at is not null
)
select
    w.session_number,
    w.identity,
    w.known_identity,
    w.known_person,
    w.landed_at,
    w.started_at,
    w.active_until,
    w.landing_page,
    w.device_type,
    w.utm_source,
    w.utm_medium,
    w.utm_campaign,
    w.is_signed_in,
    case when w.lost_its_user then w.was_newcomer else not w.is_signed_in or coalesce(w.registered_at >= w.landed_at, false) end as is_newcomer,
    w.registered_at,
    w.has_converted,
    w.engaged_seconds,
    w.app_products_viewed,
    w.app_swipes,
    w.app_clicks,
    w.app_registered,
    w.has_registration_time,
    w.app_bounced,
    w.is_machine,
    w.is_orphan,
    w.is_recorded
from now as w;

insert into pipeline.person_numbers (identity, identity_number, person_number)
select t.identity, t.number, t.number
from (
    select i.identity, ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint as number
    from (select distinct j.identity from judged_sessions as j) as i
    where i.identity is not null and not exists (select from pipeline.person_numbers as n where n.identity = i.identity)
) as t
on conflict do nothing;

create temporary table session_images on commit drop as
select
    j.*,
    coalesce(n.identity_number, j.known_identity) as identity_number,
    coalesce(n.person_number, k.person_number, j.known_person) as person_number
from judged_sessions as j
left join pipeline.person_numbers as n on n.identity = j.identity
left join pipeline.person_numbers as k on k.identity_number = j.known_identity;
create unique index on session_images (session_number);
analyze session_images;

create temporary table people on commit drop as
select i.person_number from session_images as i
union
select f.person_number from session_images as i join staging.session_facts as f on f.session_number = i.session_number
union
select unnest(array[r.person_number, r.number_before]) from renumbered as r;
analyze people;

create temporary table session_before on commit drop as
select f.* from people as p join staging.session_facts as f on f.person_number = p.person_number
union all
select f.* from session_images as i join staging.session_facts as f on f.session_number = i.session_number where f.person_number is null;
create unique index on session_before (session_number);
analyze session_before;

update staging.session_facts as f set person_number = r.person_number, changed_at = :synced_at
from renumbered as r
where f.identity_number = r.identity_number and f.person_number is distinct from r.person_number;

insert into staging.session_facts as f (
    session_number, identity_number, person_number, landed_at, started_at, active_until, landing_page, device_type, utm_source, utm_medium,
    utm_campaign, is_signed_in, is_newcomer, registered_at, has_converted, engaged_seconds, app_products_viewed, app_swipes, app_clicks,
    app_registered, has_registration_time, app_bounced, is_machine, is_orphan, is_first_visit, first_seen_at, changed_at
)
select
    i.session_number, i.identity_number, i.person_number, i.landed_at, i.started_at, i.active_until, i.landing_page, i.device_type,
    i.utm_source, i.utm_medium, i.utm_campaign, i.is_signed_in, i.is_newcomer, i.registered_at, i.has_converted,
    i.engaged_seconds, i.app_products_viewed, i.app_swipes, i.app_clicks, i.app_registered, i.has_registration_time, i.app_bounced,
    i.is_machine, i.is_orphan, false, :synced_at, :synced_at
from session_images as i
order by i.landed_at
on conflict (session_number) do update set (
    identity_number, person_number, landed_at, started_at, active_until, landing_page, device_type, utm_source, utm_medium, utm_campaign,
    is_signed_in, is_newcomer, registered_at, has_converted, engaged_seconds, app_products_viewed, app_swipes, app_clicks, app_registered,
    has_registration_time, app_bounced, is_machine, is_orphan, changed_at
) = (
    excluded.identity_number, excluded.person_number, excluded.landed_at, excluded.started_at, excluded.active_until, excluded.landing_page,
    excluded.device_type, excluded.utm_source, excluded.utm_medium, excluded.utm_campaign, excluded.is_signed_in, excluded.is_newcomer,
    excluded.registered_at, excluded.has_converted, excluded.engaged_seconds,
    excluded.app_products_viewed, excluded.app_swipes, excluded.app_clicks, excluded.app_registered, excluded.has_registration_time,
    excluded.app_bounced, excluded.is_machine, excluded.is_orphan, excluded.changed_at
)
where (
    f.identity_number, f.person_number, f.landed_at, f.started_at, f.active_until, f.landing_page, f.device_type, f.utm_source, f.utm_medium,
    f.utm_campaign, f.is_signed_in, f.is_newcomer, f.registered_at, f.has_converted, f.engaged_seconds,
    f.app_products_viewed, f.app_swipes, f.app_clicks, f.app_registered, f.has_registration_time, f.app_bounced, f.is_machine, f.is_orphan
) is distinct from (
    excluded.identity_number, excluded.person_number, excluded.landed_at, excluded.started_at, excluded.active_until, excluded.landing_page,
    excluded.device_type, excluded.utm_source, excluded.utm_medium, excluded.utm_campaign, excluded.is_signed_in, excluded.is_newcomer,
    excluded.registered_at, excluded.has_converted, excluded.engaged_seconds, excluded.app_products_viewed, excluded.app_swipes,
    excluded.app_clicks, excluded.app_registered, excluded.has_registration_time, excluded.app_bounced, excluded.is_machine,
    excluded.is_orphan
);

-- Whether an earlier session of its person is known, of everyone concerned.
update staging.session_facts as f set is_first_visit = t.is_first_visit, changed_at = :synced_at
from (
    select s.session_number, s.landed_at is not null and s.landed_at = min(s.landed_at) over (partition by s.person_number) as is_first_visit
    from people as p
    join staging.session_facts as s on s.person_number = p.person_number
) as t
where f.session_number = t.session_number and f.is_first_visit is distinct from t.is_first_visit;

update staging.session_facts as f set gone_at = null
from session_images as i
where f.session_number = i.session_number and i.is_recorded and f.gone_at is not null;

update staging.session_facts as f set gone_at = :synced_at
from pipeline.session_numbers as n
where :is_full and f.gone_at is null and not f.is_orphan and n.session_number = f.session_number
    and not exists (select from public.session_analytics as s where analytics.session_key(s.session_id) = n.session_key)
