-- One row per daily table and day that was computed, written in the transaction of the day's rows.
-- kind: python
-- owner: team:data
create table pipeline.days (
    table_name text not null,           -- Schema and name, such as analytics.revenue_daily.
    day date not null,                  -- Calendar day of the reporting zone.
    code_version text not null,         -- Version of the SQL that computed the day; another one than in pipeline.tables means out of date.
    rows bigint not null,               -- Rows of the day, 0 where nothing happened.
    computed_at timestamptz not null default now(),  -- When the day last came out different, or was first computed by this version (time stamp).
    primary key (table_name, day)
)
