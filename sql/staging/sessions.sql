-- One row per browser session: those that were recorded, and those known only from their events (orphans), flagged.
-- kind: view
-- grain: session_id
-- owner: team:data

-- A session ends when it says so, else at its last activity, else after its duration; with none of these it is taken to have lasted
-- 30 minutes (active_until), so that it does not collect the user's swipes for ever.
-- An orphan begins with its first dated event, which is the view or click that no other event of that session precedes; sessions
-- of undated events only, and of machines' clicks only, are no orphans.
with orphans as (
    select
        v.session_id as session_id,
        v.user_id as user_id,
        v.view_timestamp as started_at,
        v.device_type as device_type
    from public.product_views as v
    where v.view_timestamp is not null
        and not exists (select 1 from public.session_analytics as s where s.session_id = v.session_id)
        and not exists (
            select 1 from public.product_views as e
            where e.session_id = v.session_id and (e.view_timestamp, e.id) < (v.view_timestamp, v.id)
        )
        and not exists (
            select 1 from staging.clicks as e
            where e.session_id = v.session_id and e.click_timestamp < v.view_timestamp and not e.is_bot
        )
    union all
    select
        c.session_id as session_id,
        c.user_id as user_id,
        c.click_timestamp as started_at,
        c.device_type as device_type
    from staging.clicks as c
    where c.click_timestamp is not null
        and not c.is_bot
        and not exists (select 1 from public.session_analytics as s where s.session_id = c.session_id)
        and not exists (
            select 1 from public.product_views as e
            where e.session_id = c.session_id and e.view_timestamp <= c.click_timestamp
        )
        and not exists (
            select 1 from staging.clicks as e
            where e.session_id = c.session_id
                and (e.click_timestamp, e.click_id) < (c.click_timestamp, c.click_id)
                and not e.is_bot
        )
)
select
    s.session_id as session_id, -- The browser session's own name, as events carry it.
    coalesce(s.user_id::text, nullif(s.anonymous_id, ''), s.session_id) as person_id, -- Whose it was: the user, else the anonymous id, else the session. [pii]
    s.user_id as user_id, -- User who was signed in; NULL: an anonymous visitor. [pii]
    s.started_at as started_at, -- When it began (landing); NULL: never recorded, belongs to no day.
    coalesce(
        s.ended_at,
        case when s.last_activity_at is not null then greatest(s.last_activity_at, s.started_at) end,
        s.started_at + s.duration_seconds * interval '1 second'
    ) as ended_at, -- When it ended or was last active; NULL where nothing tells.
    coalesce(
        s.ended_at,
        case when s.last_activity_at is not null then greatest(s.last_activity_at, s.started_at) end,
        s.started_at + s.duration_seconds * interval '1 second',
        s.started_at + interval '30 minutes'
    ) as active_until, -- Until when a swipe of its user counts as made in it; NULL where nothing tells.
    coalesce(nullif(s.landing_page, ''), '(not set)') as landing_page, -- First page; '(not set)' where not recorded.
    coalesce(nullif(s.device_type, ''), '(not set)') as device_type, -- Kind of device; '(not set)' where not recorded.
    coalesce(nullif(s.utm_source, ''), '(not set)') as utm_source, -- Campaign source it came from; '(not set)' where none.
    coalesce(s.has_converted, false) as has_converted, -- The app's own flag; events decide, this is for comparing with them.
    s.conversion_timestamp as conversion_timestamp, -- The app's own time of conversion; NULL where it saw none.
    exists (select 1 from staging.clicks as c where c.session_id = s.session_id and c.is_bot) as is_bot, -- Whether one of its clicks was made by a machine.
    false as is_orphan -- Whether it is known only from its events, without a session row.
from public.session_analytics as s
union all
select
    o.session_id as session_id,
    coalesce(o.user_id::text, o.session_id) as person_id,
    o.user_id as user_id,
    o.started_at as started_at,
    null::timestamptz as ended_at,
    o.started_at + interval '30 minutes' as active_until,
    '(not set)' as landing_page,
    coalesce(nullif(o.device_type, ''), '(not set)') as device_type,
    '(not set)' as utm_source,
    false as has_converted,
    null::timestamptz as conversion_timestamp,
    false as is_bot,
    true as is_orphan
from orphans as o
