-- One row per person who clicked or had a session, by number: a user with all that the browser did before signing in, a visitor, or a lone session.
-- kind: view
-- grain: person_number
-- owner: team:data

-- Numbers name nobody. Who has one stands in pipeline.person_numbers, while the account exists; an erased person goes on counting as one here.
with seen as (
    select f.person_number as person_number, f.clicked_at as at, 1 as clicks, 0 as sessions from staging.click_facts as f where f.person_number is not null
    union all
    select f.person_number as person_number, f.landed_at as at, 0 as clicks, 1 as sessions from staging.session_facts as f where f.person_number is not null
)
select
    s.person_number as person_number, -- Number of the person, in all facts.
    min(s.at) as first_seen_at, -- Time of the first click or landing; NULL where none has a time.
    max(s.at) as last_seen_at, -- Time of the last click or landing; NULL where none has a time.
    sum(s.clicks)::bigint as clicks, -- Clicks, whatever their verdict.
    sum(s.sessions)::bigint as sessions -- Sessions, recorded or orphans.
from seen as s
group by s.person_number
