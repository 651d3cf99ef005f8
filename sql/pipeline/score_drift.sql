-- One row per pair of model versions, and one per version beside itself: how far published scores moved, of users whose events had not changed, when recalculations passed from one to the other, however often they were interrupted; by the same version, of the last one.
-- kind: python
-- owner: team:data
-- lineage:
--   measured_at: ;
--   version_before, model_version: pipeline.taste_models version;
--   compared, moved, far: public.user_preferences user_id | pipeline.signals event_id
create table pipeline.score_drift (
    version_before text not null,       -- Version that the profiles were computed with before.
    model_version text not null,        -- Version that they were computed with then; the same one: nothing may move.
    measured_at timestamptz not null,   -- When the last recalculation that did so began.
    compared bigint not null,           -- Profiles compared, of users whose events were the same and who adjusted nothing: some hundred of each block of users.
    moved bigint not null,              -- Profiles of which anything came out different.
    far bigint not null,                -- Profiles of which a score of a facet moved by more than .1.
    primary key (version_before, model_version)
)
