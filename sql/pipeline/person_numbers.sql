-- One row per identity that events named: the number that stands for it wherever people are counted.
-- kind: python
-- owner: team:data
-- lineage:
--   identity: staging.clicks identity, staging.sessions identity, staging.identities visitor user_id, public.product_views session_id user_id;
--   person_number: | staging.clicks identity user_id, staging.sessions identity, staging.identities visitor user_id, public.product_views session_id user_id;
--   identity_number, is_shared: | staging.clicks identity, staging.sessions identity, staging.identities visitor user_id, public.product_views session_id user_id;
--   *: | staging.clicks visitor session_key machine_pattern clicked_at, staging.sessions user_id visitor session_id session_key,
--       pipeline.session_numbers session_key session_number, public.session_analytics session_id, public.product_views view_timestamp

-- Numbers are random and say nothing. The row goes with the account, the number stays in the facts: they then count somebody whom nobody can name.
create table pipeline.person_numbers (
    identity text primary key,              -- 'u:' and the user's id, 'a:' and a visitor's identity, or 's:' and a session's key. [pii]
    identity_number bigint not null unique, -- The identity's own number, given once.
    person_number bigint not null,          -- Number of the person: the user's where the visitor is known to be one, else the identity's own.
    is_shared boolean not null default false -- Whether a visitor was ever seen with several users: it is nobody's then, for good, also when they are gone.
);
create index person_numbers_person on pipeline.person_numbers (person_number)
