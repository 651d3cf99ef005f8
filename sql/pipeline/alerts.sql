-- One row per trouble that somebody is, or was lately, told of: since when, how bad, what to do, whom it was told, and who wants to hear no more of it.
-- kind: python
-- owner: team:data

-- A row goes a week after the trouble ended and whoever heard of it has heard that. Sentences hold our own words, names of objects and numbers: nothing of
-- a person, nothing that a stranger wrote.
create table pipeline.alerts (
    key text primary key,               -- What it hangs on, the same for the same trouble: check and object, as drift:schema.
    source text not null,               -- Who judges it: it lasts until that source finds it well, or judges it no more.
    severity text not null,             -- warn or error, as it was last found.
    sentence text not null,             -- What is wrong, as it was last found.
    remedy text not null,               -- What to do.
    began_at timestamptz not null,      -- When it was first found.
    ended_at timestamptz,               -- When it was first found no more; NULL: it lasts.
    returns integer not null,           -- How often it came back within a week: the more often, the longer until it counts as over.
    told jsonb not null,                -- By a digest of each address: the severity that it was last told of, and when.
    silenced_until timestamptz,         -- Until when nothing is said of it; NULL: not silenced.
    acknowledged_at timestamptz,        -- When somebody took it on, so that it is told again only if it gets worse, or ends; NULL: nobody.
    acknowledged_by text                -- Who took it on; NULL: nobody.
)
