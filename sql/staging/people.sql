-- One row per person seen in a click, view, swipe or session: a user, else an anonymous id, else a session (no stitching yet).
-- kind: view
-- grain: person_id
-- owner: team:data

-- Anonymous swipes carry no visitor's id, so they make nobody. Events without a time make a person of unknown dates.
with seen as (
    select c.person_id as person_id, c.user_id as user_id, c.session_id as session_id, c.click_timestamp as at from staging.clicks as c
    union all
    select v.person_id as person_id, v.user_id as user_id, v.session_id as session_id, v.view_timestamp as at from staging.views as v
    union all
    select s.person_id as person_id, s.user_id as user_id, s.session_id as session_id, s.started_at as at from staging.sessions as s where not s.is_orphan
    union all
    select w.user_id::text as person_id, w.user_id as user_id, null as session_id, w.at as at from staging.swipes as w where w.user_id is not null
)
select
    s.person_id as person_id, -- The user's id, else the anonymous id, else the session's name. [pii]
    case
        when bool_or(s.user_id is not null) then 'user'
        when bool_and(s.person_id = s.session_id) then 'session'
        else 'anonymous'
    end as kind, -- What identifies the person: user, anonymous or session.
    max(s.user_id::text)::uuid as user_id, -- The user; NULL for anonymous and session. [pii]
    min(s.at) as first_seen_at, -- Time of the first event; NULL where no event has a time.
    max(s.at) as last_seen_at -- Time of the last event; NULL where no event has a time.
from seen as s
group by s.person_id
