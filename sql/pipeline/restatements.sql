-- One row per published number that came out different later: which, from what to what, and why.
-- kind: python
-- grain: publication, day, cell, column_name
-- owner: team:finance

-- Before and after add up: what a cell holds now is what was first published plus after − before of its restatements, NULL counted as 0.
create table analytics.restatements (
    publication bigint not null,        -- The publication that changed it (pipeline.publications).
    table_name text not null,           -- Schema and name of the table.
    day date,                           -- The day; NULL in a table that is replaced whole.
    cell jsonb not null,                -- The row's grain without its day.
    column_name text not null,          -- The column, a number.
    before numeric,                     -- What was published before; NULL where the row was not there, or held none.
    after numeric,                      -- What is published since; NULL where the row went, or holds none.
    causes text[] not null,             -- Why, as in pipeline.dirty; in a table of months also closing and reopening, in one made of network reports also report and undo of a report.
    at timestamptz not null             -- When it was published (time stamp).
);
create index restatements_table_name_day on analytics.restatements (table_name, day)

-- query: why did 12 March change
--   select r.table_name, r.at, r.causes, r.cell ->> 'currency' as currency, r.column_name,
--       sum(coalesce(r.after, 0) - coalesce(r.before, 0)) as change
--   from analytics.restatements as r
--   where r.day = '2026-03-12' and r.column_name in ('valid_clicks', 'conversions', 'actual_commission')
--   group by 1, 2, 3, 4, 5
--   order by 1, 2, 3, 4, 5
-- query: which days moved most since last month, and by which causes
--   select r.day, r.cell ->> 'currency' as currency, array_agg(distinct array_to_string(r.causes, ', ')) as causes,
--       sum(coalesce(r.after, 0) - coalesce(r.before, 0)) as change
--   from analytics.restatements as r
--   where r.table_name = 'analytics.revenue_daily' and r.column_name = 'actual_commission' and r.at >= now() - interval '1 month'
--   group by 1, 2
--   order by abs(sum(coalesce(r.after, 0) - coalesce(r.before, 0))) desc, 1, 2
