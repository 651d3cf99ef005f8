-- One row per day and table: how large it was when that day's health was checked; what the finding table_growth compares with.
-- kind: python
-- owner: team:data
create table analytics.table_sizes (
    day date not null,                  -- Calendar day of the measurement in the reporting zone; measured again, the day's last one stays.
    table_name text not null,           -- Schema and name of the table.
    total_bytes bigint not null,        -- Bytes of the table with its indexes and what is stored outside its rows.
    row_estimate bigint,                -- Rows as the planner estimates them; NULL where the table was never analysed.
    measured_at timestamptz not null default now(),  -- When it was measured (time stamp).
    primary key (day, table_name)
)
