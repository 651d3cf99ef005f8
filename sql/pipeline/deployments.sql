-- One row per deployment, retirement or restoration of the five tables that changed anything: who, when, from what, and with what outcome.
-- kind: python
-- owner: team:data

-- Made by the first deployment, before anything else. A row without an end belongs to a run that was killed: the next run goes on from there.
create table pipeline.deployments (
    deployment bigint generated always as identity primary key, -- Number of the deployment.
    action text not null,                   -- deploy, rollback, restore or purge.
    began_at timestamptz not null default now(), -- When it began to change things.
    ended_at timestamptz,                   -- When it ended; NULL: it was killed, or still runs.
    done_by text not null,                  -- Database role, and the person or machine that it spoke for.
    owner text not null,                    -- Role that owns the tables.
    version text not null,                  -- Version of aclue.
    revision text,                          -- Commit of the checkout; NULL outside one.
    plan text not null,                     -- Hash of the plan.
    before text not null,                   -- Fingerprint of what was there.
    after text,                             -- Fingerprint of what was there afterwards; NULL: it did not end.
    allowed text[] not null,                -- Hazards that a person allowed, as --allow names them.
    brings_back text[] not null default '{}', -- For whatever was closed, the SQL that brings it back.
    outcome jsonb                           -- What became of each object that was not as declared; NULL: it did not end.
)
