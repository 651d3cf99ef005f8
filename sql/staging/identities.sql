-- One row per event in which a visitor's browser identity was seen together with a signed-in user.
-- kind: view
-- grain: seen_in, event_id
-- owner: team:data

-- A visitor seen with exactly one user is that user, in all earlier and later events. Seen with several it belongs to nobody: strangers choose this
-- text, and may write another's. The sync gives numbers by it (pipeline.person_numbers).
select
    c.anonymous_id as visitor, -- The browser's own identity. [pii]
    c.user_id as user_id, -- The user who was signed in. [pii]
    'click' as seen_in, -- click or session.
    c.id as event_id -- The click's or the session row's id.
from public.affiliate_clicks as c
where c.anonymous_id <> '' and c.user_id is not null
union all
select
    s.anonymous_id as visitor,
    s.user_id as user_id,
    'session' as seen_in,
    s.id as event_id
from public.session_analytics as s
where s.anonymous_id <> '' and s.user_id is not null
