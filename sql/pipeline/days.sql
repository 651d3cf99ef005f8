-- One row per daily table and day that was computed, written in the transaction of the day's rows.
-- kind: python
-- owner: team:data
create table pipeline.days (
    table_name text not null,           -- Schema and name, such as analytics.revenue_daily.
    day date not null,                  -- Calendar day of the reporting zone.
    version text,                       -- What the day was computed by: digest of its SQL with all that is upstream, a dash, digest of the values of
                                        -- the settings that these read. Another one than now means out of date; NULL: by a release before there were versions.
    rows bigint not null,               -- Rows of the day, 0 where nothing happened.
    figures jsonb,                      -- What the day was computed from, counted in the same snapshot, for the checks; NULL where nothing is counted.
    lost bigint not null default 0,     -- Source rows of the day that went since it was computed. The day keeps what was published until it is
                                        -- rebuilt for another cause, or by --restate; of rows of which nothing but a digest is kept (views, swipes)
                                        -- nobody can tell whether others of the day changed too, and those wait with it.
    publication bigint,                 -- The publication that last wrote or deleted rows of the day; NULL where none did.
    computed_at timestamptz not null default now(),  -- When the day last came out different, or was first computed by this version (time stamp).
    primary key (table_name, day)
)
