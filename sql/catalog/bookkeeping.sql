-- The schemas of derived tables, and what the catalog remembers about them. Run once, by the first `ensure`; nobody but the
-- owner and service_role has a business here, so nothing is granted.
create schema if not exists staging;
create schema if not exists analytics;
create schema if not exists pipeline;

comment on schema staging is 'What was really meant: the app''s events cleaned, identified and judged. Views, always current.';
comment on schema analytics is 'Published tables: revenue, funnel, health, and what is published about preferences.';
comment on schema pipeline is 'Working state of the pipeline: model versions, fingerprints, what was computed when. Not for reports.';

create table if not exists pipeline.tables (
    table_name text primary key,
    fingerprint text not null,
    code_version text not null,
    ensured_at timestamptz not null default now()
);
comment on table pipeline.tables is 'One row per derived table or view: the version of its SQL file that the database has.';
comment on column pipeline.tables.table_name is 'Schema and name, such as analytics.revenue_daily.';
comment on column pipeline.tables.fingerprint is 'Hash of the whole SQL file, comments included: while it is the same, there is nothing to bring up to date.';
comment on column pipeline.tables.code_version is 'Hash of the statement without its comments: rows computed under another one are out of date.';
comment on column pipeline.tables.ensured_at is 'When the table was last created or changed to what its file says (time stamp).';

create table if not exists pipeline.days (
    table_name text not null,
    day date not null,
    code_version text not null,
    rows bigint not null,
    computed_at timestamptz not null default now(),
    primary key (table_name, day)
);
comment on table pipeline.days is 'One row per daily table and day that was computed, written in the transaction of the day''s rows.';
comment on column pipeline.days.table_name is 'Schema and name, such as analytics.revenue_daily.';
comment on column pipeline.days.day is 'Calendar day of the reporting zone.';
comment on column pipeline.days.code_version is 'Version of the SQL that computed the day; another one than in pipeline.tables means out of date.';
comment on column pipeline.days.rows is 'Rows of the day, 0 where nothing happened.';
comment on column pipeline.days.computed_at is 'When the day last came out different, or was first computed by this version (time stamp).';
