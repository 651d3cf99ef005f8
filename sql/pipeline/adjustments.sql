-- One row per user, column and key of public.user_preferences that the user set by hand: what is published there instead of what is computed.
-- kind: python
-- owner: team:data

-- Made by the first deployment; written by a trigger of public.user_preferences in the user's own transaction, key by key: what the user wrote where it
-- differs from what stood there. It goes when the user writes NULL (the key's, or the whole column), or again what was computed, with
-- `aclue preferences reset`, and with the profile. A recalculation publishes it as written and counts it in the user's weights.
create table pipeline.adjustments (
    user_id uuid not null,              -- Who. [pii]
    column_name text not null,          -- Column of public.user_preferences.
    key text not null,                  -- Its key, or the brand; empty: the column has none.
    value jsonb,                        -- What is published; of a brand true; NULL: the user left it out.
    computed jsonb,                     -- What the pipeline last computed there; NULL: nothing.
    ignored integer not null default 0, -- Keys of the last change of this column that say nothing: no number, out of range, too long, beyond the 100th; then key and value are empty.
    at timestamptz not null,            -- When the user wrote it.
    primary key (user_id, column_name, key)
)
