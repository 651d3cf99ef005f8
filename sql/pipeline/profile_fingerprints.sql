-- One row per profile that the pipeline wrote: of which events it is, so that the next run sees which have changed.
-- kind: python
-- owner: team:data
-- lineage:
--   cut, horizon, adjusted_at: ;
--   user_id: pipeline.signals user_id;
--   events: pipeline.signals user_id event_id;
--   marks: pipeline.signals user_id product_id at event_id value source seconds strength training_weight is_explicit is_about_price occasion recipient;
--   model_version: pipeline.taste_models version
create table pipeline.profile_fingerprints (
    user_id uuid primary key,           -- Whose profile. [pii]
    events integer not null,            -- Rows that it was computed from, each delivery of a swipe.
    marks bigint not null,              -- Sum of a hash of each of their rows: of swipes and rounds id and transaction, of feedback the content.
    model_version text not null,        -- Model version it was computed with.
    cut timestamptz,                    -- Events from here on were left for a later pass: the end of the UTC day after the pass's; NULL: written by a version that left none.
    horizon bigint,                     -- Transactions before this one were over when the pass began, so that it saw their rows; NULL: written by a version that did not say.
    adjusted_at timestamptz             -- When the user made the last adjustment that it was computed with; the epoch: with none; NULL: written by a version that took all of a column for adjusted.
)
