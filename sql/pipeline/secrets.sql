-- One row: the key of the hash under which order numbers are kept.
-- kind: python
-- owner: team:data
create table pipeline.secrets (
    name text primary key,                  -- What the key is for.
    secret bytea not null                   -- 32 random bytes, made once and shown nowhere.
)
