-- One row per profile that the pipeline wrote: of which events it is, so that the next run sees which have changed.
-- kind: python
-- owner: team:data
-- lineage:
--   cut: ;
--   user_id: pipeline.signals user_id;
--   events: pipeline.signals event_id;
--   latest_at: pipeline.signals at;
--   digest: pipeline.signals digest;
--   model_version: pipeline.taste_models version
create table pipeline.profile_fingerprints (
    user_id uuid primary key,           -- Whose profile. [pii]
    events integer not null,            -- Signals it was computed from.
    latest_at timestamptz not null,     -- Time of the latest of them.
    digest bigint not null,             -- Sum of the 40-bit hashes of these signals: changes with any of them.
    model_version text not null,        -- Model version it was computed with.
    cut timestamptz                     -- Events from here on were left for a later pass: the end of the UTC day after the pass's; NULL: written by a version that left none.
)
