-- One row per browser session ever seen, recorded or known from its events only (an orphan): whose it was by number, where and how it landed.
-- kind: facts
-- owner: team:data
-- lineage:
--   session_number: pipeline.session_numbers session_number | staging.sessions session_key;
--   identity_number: pipeline.person_numbers identity_number | pipeline.person_numbers identity, staging.sessions identity user_id, staging.click_facts identity_number;
--   person_number: pipeline.person_numbers person_number | pipeline.person_numbers identity identity_number, staging.sessions identity user_id, staging.click_facts identity_number;
--   landed_at: staging.sessions started_at, public.product_views view_timestamp, staging.click_facts clicked_at | public.product_views session_id;
--   started_at: staging.sessions started_at;
--   active_until: staging.sessions active_until;
--   landing_page: staging.sessions landing_page;
--   utm_source: staging.sessions utm_source;
--   utm_medium: staging.sessions utm_medium;
--   utm_campaign: staging.sessions utm_campaign;
--   registered_at: staging.sessions registered_at;
--   has_converted: staging.sessions has_converted;
--   engaged_seconds: staging.sessions engaged_seconds;
--   app_products_viewed: staging.sessions app_products_viewed;
--   app_swipes: staging.sessions app_swipes;
--   app_clicks: staging.sessions app_clicks;
--   app_registered: staging.sessions app_registered;
--   has_registration_time: staging.sessions has_registration_time;
--   app_bounced: staging.sessions app_bounced;
--   device_type: staging.sessions device_type, public.product_views device_type, staging.click_facts device_type;
--   is_signed_in: staging.sessions user_id, public.product_views user_id;
--   is_newcomer: staging.sessions user_id registered_at, public.product_views user_id | staging.sessions started_at;
--   is_machine: staging.click_facts machine_pattern | staging.click_facts session_number;
--   is_orphan: staging.sessions session_key | public.product_views session_id, staging.click_facts session_number;
--   is_first_visit: staging.sessions started_at, public.product_views view_timestamp, staging.click_facts clicked_at | pipeline.person_numbers identity identity_number person_number, staging.click_facts identity_number;
--   gone_at: | public.session_analytics session_id;
--   first_seen_at, changed_at: ;
--   *: | staging.sessions session_id session_key, public.session_analytics session_id, public.product_views session_id view_timestamp, staging.click_facts session_number clicked_at machine_pattern

-- It lands when it started, or with its first event, where that came within five minutes before: clients send both on their own clocks. An orphan lands
-- with its first dated view or click of a person; sessions of undated events or machines' clicks only are none.
-- A machine's session is one with a machine's click; its impressions and its place in the funnel are counted apart.
-- The session's name is not kept here, only its number (pipeline.session_numbers has it by the name's hash).
create table staging.session_facts (
    session_number bigint primary key,      -- Number of the session, given once.
    identity_number bigint,                 -- Number of whom it named: user, else visitor, else the session itself, as in pipeline.person_numbers.
    person_number bigint,                   -- Number of the person: the user's, once the visitor is known to be one.
    landed_at timestamptz,                  -- When it landed, by the rule above; NULL: no time was recorded, it belongs to no day.
    started_at timestamptz,                 -- When it was recorded to start; NULL: never recorded.
    active_until timestamptz,               -- Until when its user was active in it, 30 minutes where nothing tells; NULL: it has no times.
    landing_page text not null,             -- Path of the first page; '(not set)' where not recorded.
    device_type text not null,              -- Kind of device; '(not set)' where not recorded.
    utm_source text not null,               -- Campaign source it came from; '(not set)' where none.
    utm_medium text not null,               -- Campaign medium it came by; '(not set)' where none.
    utm_campaign text not null,             -- Campaign it came from; '(not set)' where none.
    is_signed_in boolean not null,          -- Whether a user was signed in at any time in it.
    is_newcomer boolean not null,           -- Whether nobody was signed in when it landed: it had no user, or its user registered in it.
    registered_at timestamptz,              -- When its visitor registered; NULL: not in this session.
    has_converted boolean not null,         -- The app's own flag; events decide, this is for comparing with them.
    engaged_seconds numeric,                -- Seconds it lasted: as the client measured, else from start to end; NULL: not known, or more than a day.
    app_products_viewed integer,            -- Products that it looked at, by the app's own counter; NULL: not counted.
    app_swipes integer,                     -- Swipes, by the app's own counter; NULL: not counted.
    app_clicks integer,                     -- Clicks to a shop, by the app's own counter; NULL: not counted.
    app_registered boolean,                 -- Whether its visitor registered, by the app's own flag; NULL: not known.
    has_registration_time boolean,          -- Whether a time of registering was recorded, whatever the flag says; NULL: an orphan.
    app_bounced boolean,                    -- Whether it was a bounce, by the app's own flag; NULL: not known.
    is_machine boolean not null,            -- Whether one of its clicks was a machine's.
    is_orphan boolean not null,             -- Whether it is known from its events only.
    is_first_visit boolean not null,        -- Whether its person has no session that landed earlier.
    first_seen_at timestamptz not null,     -- When the sync first saw it.
    changed_at timestamptz not null,        -- When anything above last changed.
    gone_at timestamptz                     -- When its row was first missed in public.session_analytics; NULL: it is there, or never was.
);
create index session_facts_landed on staging.session_facts (landed_at);
create index session_facts_person on staging.session_facts (person_number, landed_at);
create index session_facts_identity on staging.session_facts (identity_number)
