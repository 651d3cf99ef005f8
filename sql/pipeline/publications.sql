-- One row per transaction that changed published rows: the number under which they, and what they replaced, are found.
-- kind: python
-- owner: team:data

-- Numbers of one table rise with time, since its rebuilds take turns; numbers that are missing belong to rebuilds that were rolled back.
create table pipeline.publications (
    number bigint generated always as identity primary key,  -- Number of the publication, of all tables together.
    table_name text not null,           -- Schema and name, such as analytics.revenue_daily.
    at timestamptz not null,            -- When it was published: just before its transaction ended (time stamp).
    run_id text,                        -- The run that published it; NULL when outside Dagster.
    version text not null,              -- What it was computed by, as in pipeline.days.
    days int not null,                  -- Days that came out different; 0 for a table that is replaced whole.
    rows bigint not null,               -- Rows written or deleted.
    archived text                       -- Where the table's grain changed here: the table in history that keeps all that was published before;
                                        -- NULL otherwise.
)
