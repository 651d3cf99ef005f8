-- One row per identity that events named: the number that stands for it wherever people are counted.
-- kind: python
-- owner: team:data
-- lineage:
--   identity: staging.clicks identity, staging.sessions identity;
--   identity_number:;
--   person_number: | staging.identities visitor user_id;
--   is_shared: | staging.identities visitor user_id

-- Numbers are random and say nothing. The row goes with the account, the number stays in the facts: they then count somebody whom nobody can name.
create table pipeline.person_numbers (
    identity text primary key,              -- 'u:' and the user's id, 'a:' and a visitor's identity, or 's:' and a session's key. [pii]
    identity_number bigint not null unique, -- The identity's own number, given once.
    person_number bigint not null,          -- Number of the person: the user's where the visitor is known to be one, else the identity's own.
    is_shared boolean not null default false -- Whether a visitor was ever seen with several users: it is nobody's then, for good, also when they are gone.
);
create index person_numbers_person on pipeline.person_numbers (person_number)
