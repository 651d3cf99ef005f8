-- One row per pair of visitor's identity and session that rows of an erased person named: whose rows without owner are still to be cleared.
-- kind: python
-- owner: team:data

-- Made by the first deployment; written by the trigger that clears a person's own rows, in the transaction that deletes the account. Within a day the
-- job `clear_erased` has cleared what else carries these names, and deletes the rows: what links the token to a person is then gone.
create table pipeline.erasures (
    user_id uuid not null,              -- Who was erased. [pii]
    names bytea not null,               -- Hash of both names: they may be of any length.
    anonymous_id text,                  -- A visitor's identity on one of the person's rows; NULL: that row named none. [pii]
    session_id text,                    -- A session in which the person was signed in; NULL: known of the visitor alone. [pii]
    token text not null,                -- What stands for the person in anonymous_id from now on: random, one a person.
    noted_at timestamptz not null default now(), -- When.
    primary key (user_id, names)
)
