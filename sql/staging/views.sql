-- One row per event of public.product_views, each once however often it was delivered: which product was shown or looked at in which session.
-- kind: view
-- grain: view_id
-- owner: team:data

-- Delivered again: the same session, user, product, kind of event, source and position at the same instant under another id. The smallest id
-- stays, and a click that any of them was flagged with. Without a time two views cannot be told from one, and both stay.
-- A session has a number, and a machine's mark, from the first sync of the facts on that saw one of its events.
with delivered as (
    select
        v.id as id,
        v.product_id as product_id,
        v.user_id as user_id,
        v.session_id as session_id,
        v.view_timestamp as at,
        v.view_source as view_source,
        v.view_position as view_position,
        v.interaction_type as interaction_type,
        v.device_type as device_type,
        v.recommendation_id as recommendation_id,
        bool_or(v.has_clicked_affiliate) over (
            partition by v.view_timestamp, v.product_id, v.session_id, v.user_id, v.interaction_type, v.view_source, v.view_position
        ) as has_clicked_affiliate,
        row_number() over (
            partition by v.view_timestamp, v.product_id, v.session_id, v.user_id, v.interaction_type, v.view_source, v.view_position
            order by v.id
        ) as delivery
    from public.product_views as v
    where analytics.usable(v.view_timestamp) is not null
    union all
    select
        v.id as id,
        v.product_id as product_id,
        v.user_id as user_id,
        v.session_id as session_id,
        null::timestamptz as at,
        v.view_source as view_source,
        v.view_position as view_position,
        v.interaction_type as interaction_type,
        v.device_type as device_type,
        v.recommendation_id as recommendation_id,
        v.has_clicked_affiliate as has_clicked_affiliate,
        1::bigint as delivery
    from public.product_views as v
    where analytics.usable(v.view_timestamp) is null
)
select
    d.id as view_id, -- The event's id in public.product_views.
    d.product_id as product_id, -- Product that was shown.
    d.user_id as user_id, -- User who was signed in; NULL: an anonymous visitor, or an account deleted since. [pii]
    n.session_number as session_number, -- Number of the browser session, as in staging.session_facts; NULL: not synced yet.
    d.at as viewed_at, -- When it happened; NULL: never recorded, or at a time that cannot be; it belongs to no day.
    analytics.dimension(d.view_source) as view_source, -- Where it was shown (swipe, search, …); '(not set)' where not recorded.
    d.view_position as view_position, -- Position in the list, from 1; NULL where not recorded.
    d.interaction_type as interaction_type, -- impression, click, detail_view, add_to_wishlist, share or save; NULL where not recorded.
    analytics.dimension(d.device_type) as device_type, -- Kind of device; '(not set)' where not recorded.
    d.recommendation_id as recommendation_id, -- Recommendation it came from; NULL where from none.
    coalesce(f.is_machine, false) as is_machine, -- Whether its session is a machine's: one of the session's clicks was.
    coalesce(d.has_clicked_affiliate, false) or exists (
        select 1
        from staging.click_facts as c
        where c.session_number = n.session_number and c.product_id = d.product_id and c.clicked_at >= d.at and c.verdict = 'valid'
    ) as has_clicked_affiliate -- Whether an affiliate click followed: flagged by the app on any delivery, or a valid click on the same
                               -- product in the same session at the same time or later.
from delivered as d
left join pipeline.session_numbers as n on n.session_key = analytics.session_key(d.session_id)
left join staging.session_facts as f on f.session_number = n.session_number
where d.delivery = 1
