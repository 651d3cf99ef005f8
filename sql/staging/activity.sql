-- One row per session and click: when somebody was here, people and machines apart. What presence, cohorts and retention count.
-- kind: view
-- grain: session_number, click_id
-- owner: team:data

-- A person is here when a session of theirs lands and when they click: a valid click or a repeat. A machine is here in its sessions and its clicks; a
-- person's click in a session that also holds a machine's is the person's all the same. Since when is in staging.person_facts.
-- Both halves have no condition of their own, so that what asks by person or time is answered by their indexes.
select
    f.session_number as session_number, -- Number of the session that landed; NULL: it is a click.
    null::uuid as click_id, -- Id of the click that was made; NULL: it is a session.
    f.person_number as person_number, -- Number of the person, as in the facts; NULL: a click that names nobody.
    f.landed_at as active_at, -- When the session landed or the click was made; NULL: no time was recorded, nobody was here on any day.
    f.is_machine as is_machine, -- Whether it was a machine's.
    f.is_signed_in as is_signed_in, -- Whether a user was signed in, as far as the session says; false for a click.
    false as is_converted, -- Whether a sale has been reported for the click or for a repeat of it; false for a session.
    f.utm_source as utm_source, -- Campaign source it came from; '(not set)' where none.
    f.utm_campaign as utm_campaign -- Campaign it came from; '(not set)' where none.
from staging.session_facts as f
union all
select
    null::bigint as session_number,
    c.click_id as click_id,
    c.person_number as person_number,
    c.clicked_at as active_at,
    c.verdict = 'machine' as is_machine,
    false as is_signed_in,
    c.counted_as_converted as is_converted,
    c.utm_source as utm_source,
    c.utm_campaign as utm_campaign
from staging.click_facts as c
