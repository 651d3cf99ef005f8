-- One row per event of public.product_views, each once however often it was delivered: which product was shown to or looked at by whom.
-- kind: view
-- grain: view_id
-- owner: team:data

-- Delivered again: the same session, user, product, kind of event, source and position at the same instant under another id; the
-- smallest id stays. Without time two views cannot be told from one, and both stay.
-- Product views carry no anonymous id: it comes from the session's row.
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
        v.has_clicked_affiliate as has_clicked_affiliate,
        row_number() over (
            partition by
                v.view_timestamp, v.product_id, v.session_id, v.user_id, v.interaction_type, v.view_source, v.view_position,
                case when v.view_timestamp is null then v.id end
            order by v.id
        ) as delivery
    from public.product_views as v
)
select
    d.id as view_id, -- The event's id in public.product_views.
    d.product_id as product_id, -- Product that was shown.
    coalesce(d.user_id::text, nullif(s.anonymous_id, ''), d.session_id) as person_id, -- Who saw it: the user, else the anonymous id, else the session. [pii]
    d.user_id as user_id, -- User who was signed in; NULL: an anonymous visitor. [pii]
    d.session_id as session_id, -- Browser session, as in public.session_analytics if that row exists.
    d.at as view_timestamp, -- When it happened; NULL: never recorded, belongs to no day.
    coalesce(d.view_source, '(not set)') as view_source, -- Where it was shown (swipe, search, …); '(not set)' where not recorded.
    d.view_position as view_position, -- Position in the list, from 1; NULL where not recorded.
    d.interaction_type as interaction_type, -- impression, click, detail_view, add_to_wishlist, share or save; NULL where not recorded.
    coalesce(nullif(d.device_type, ''), '(not set)') as device_type, -- Kind of device; '(not set)' where not recorded.
    d.recommendation_id as recommendation_id, -- Recommendation it came from; NULL where from none.
    coalesce(d.has_clicked_affiliate, false) or exists (
        select 1
        from staging.clicks as c
        where c.session_id = d.session_id and c.product_id = d.product_id and c.click_timestamp >= d.at and c.verdict = 'valid'
    ) as has_clicked_affiliate -- Whether an affiliate click followed: flagged by the app, or a valid click on the same
                               -- product in the same session at the same time or later.
from delivered as d
left join public.session_analytics as s on s.session_id = d.session_id
where d.delivery = 1
