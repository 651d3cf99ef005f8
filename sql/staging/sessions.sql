-- One row per browser session that was recorded in public.session_analytics, as it stands now: cleaned, not yet judged.
-- kind: view
-- grain: session_id
-- owner: team:data

-- A session ends when it says so, else at its last activity, else after its duration; with none of these it is taken to have lasted
-- 30 minutes (active_until), so that it does not collect the user's swipes for ever. What is counted of sessions is staging.session_facts, which also
-- knows those that were never recorded.
select
    s.session_id as session_id, -- The browser session's own name, as events carry it. [pii]
    analytics.session_key(s.session_id) as session_key, -- Its key, as pipeline.session_numbers has it. [pii]
    analytics.person(s.user_id, s.anonymous_id, s.session_id) as identity, -- Whose it was, as the row says: user, else visitor, else session. [pii]
    s.user_id as user_id, -- User who was signed in; NULL: an anonymous visitor. [pii]
    nullif(s.anonymous_id, '') as visitor, -- The visitor by the browser's own identity; NULL: none. [pii]
    analytics.usable(s.started_at) as started_at, -- When it was recorded to start; NULL: never recorded, or at a time that cannot be.
    coalesce(
        analytics.usable(s.ended_at),
        case
            when analytics.usable(s.last_activity_at) is not null
                then greatest(analytics.usable(s.last_activity_at), analytics.usable(s.started_at))
        end,
        analytics.usable(analytics.usable(s.started_at) + least(coalesce(s.duration_seconds, 1800), 31536000) * interval '1 second')
    ) as active_until, -- Until when a swipe of its user counts as made in it; NULL where nothing tells.
    analytics.path(s.landing_page) as landing_page, -- Path of the first page; '(not set)' where not recorded.
    analytics.dimension(s.device_type) as device_type, -- Kind of device; '(not set)' where not recorded.
    analytics.dimension(s.utm_source) as utm_source, -- Campaign source it came from; '(not set)' where none.
    analytics.dimension(s.utm_medium) as utm_medium, -- Campaign medium it came by; '(not set)' where none.
    analytics.dimension(s.utm_campaign) as utm_campaign, -- Campaign it came from; '(not set)' where none.
    case when s.has_registered then analytics.usable(s.registration_timestamp) end as registered_at, -- When its visitor registered; NULL: not in it.
    coalesce(s.has_converted, false) as has_converted, -- The app's own flag; events decide, this is for comparing with them.
    case when l.seconds between 0 and 86400 then l.seconds end::numeric as engaged_seconds, -- Seconds it lasted: as the client measured, else from start to end; NULL: not
                                                                        -- known, or more than a day.
    s.products_viewed as app_products_viewed, -- Products that it looked at, by the app's own counter; NULL: not counted.
    s.total_swipes as app_swipes, -- Swipes, by the app's own counter; NULL: not counted.
    s.affiliate_clicks as app_clicks, -- Clicks to a shop, by the app's own counter; NULL: not counted.
    s.has_registered as app_registered, -- Whether its visitor registered, by the app's own flag; NULL: not known.
    analytics.usable(s.registration_timestamp) is not null as has_registration_time, -- Whether a time of registering was recorded, whatever the flag says.
    s.is_bounce as app_bounced, -- Whether it was a bounce, by the app's own flag; NULL: not known.
    s.updated_at as updated_at -- When the row last changed; NULL: loaded without it.
from public.session_analytics as s
cross join lateral (
    select coalesce(s.duration_seconds, floor(extract(epoch from analytics.usable(s.ended_at) - analytics.usable(s.started_at))))::numeric as seconds
) as l
