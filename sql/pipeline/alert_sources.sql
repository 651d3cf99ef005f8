-- One row per source of alerts: when its judgements were last asked for.
-- kind: python
-- owner: team:data
create table pipeline.alert_sources (
    source text primary key,            -- app, schema, sessions, health, events or dagster.
    judged_at timestamptz not null      -- When it was last asked.
)
