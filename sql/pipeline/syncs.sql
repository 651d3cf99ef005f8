-- One row per sync of the facts: how far it read and what it found.
-- kind: python
-- owner: team:data
create table pipeline.syncs (
    sync bigint generated always as identity primary key, -- Number of the sync.
    seen_before xid8 not null default pg_snapshot_xmin(pg_current_snapshot()), -- It saw what transactions of lower numbers wrote.
    synced_at timestamptz not null,         -- When it began: the next one reads what was written since, with an overlap.
    is_full boolean not null,               -- Whether it looked at every row, also for what is gone or was loaded without a time of change.
    rule_version text not null,             -- Version of the rules by which it judged.
    settings text not null,                 -- The settings it read, as name=value.
    clicks bigint not null,                 -- Click facts written.
    sessions bigint not null,               -- Session facts written.
    gone bigint not null,                   -- Facts whose source row was first missed.
    days bigint not null                    -- Days of tables that became dirty.
)
