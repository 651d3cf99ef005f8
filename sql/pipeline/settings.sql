-- One row per setting that functions in the database must know: its value, as the pipeline last ran with it.
-- kind: python
-- owner: team:data
create table pipeline.settings (
    name text primary key,              -- Name of the setting: timezone, funnel_window_days, first_day, database_limit_gb.
    value text not null                 -- Its value, as it would be set.
)
