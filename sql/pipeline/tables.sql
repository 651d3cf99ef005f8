-- One row per derived table, view or function: the version of its SQL file that the database has.
-- kind: python
-- owner: team:data
create table pipeline.tables (
    table_name text primary key,        -- Schema and name, such as analytics.revenue_daily.
    fingerprint text not null,          -- Hash of the whole SQL file, comments included: while it is the same, there is nothing to bring up to date.
    code_version text not null,         -- Hash of the statement without its comments.
    ensured_at timestamptz not null default now()  -- When it was last created or changed to what its file says (time stamp).
)
