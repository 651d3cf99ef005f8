-- One row per model version, group of users and predictor: how well the users' latest judgements were predicted from what was before.
-- kind: python
-- owner: team:data
-- lineage:
--   predictor, users_group, measured_at: ;
--   model_version: pipeline.taste_models version;
--   users: pipeline.signals user_id;
--   judgements: pipeline.signals event_id;
--   log_loss, auc, calibration_error, reliability, intercepts: pipeline.signals value source seconds strength training_weight, pipeline.item_features category brand style colour relative_price |
--       staging.rounds occasion recipient user_id;
--   *: | pipeline.signals user_id product_id at event_id is_explicit is_about_price, pipeline.item_features product_id
create table analytics.preference_quality (
    model_version text not null,        -- The version that was measured, a candidate or the current one; for it everything was fitted anew to the past.
    users_group text not null,          -- all, or users with at most 5 judgements before (cold), 6 to 50 (casual), more (heavy).
    predictor text not null,            -- profile (the row of user_preferences), or a baseline: user_item (biases on the log odds), user_rate, popularity (both shrunk), global_rate.
    users integer not null,             -- Users whose judgements were predicted.
    judgements integer not null,        -- Judgements predicted: the latest fifth of each user's.
    log_loss float8,                    -- Mean negative logarithm of the probability given to what happened, smaller is better; NULL: no judgement in the group.
    auc float8,                         -- Mean over users of the chance that a liked product ranks above a disliked one; NULL: nobody in the group has both.
    calibration_error float8,           -- Mean distance between probability and share of likes over 15 bins (ECE); NULL: no judgement in the group.
    reliability jsonb,                  -- Bins of the reliability plot [{bin, predicted, observed, low, high, judgements}]; NULL: a baseline, or a part of the users.
    measured_at timestamptz not null default now(),  -- When it was measured; bookkeeping.
    intercepts jsonb,                   -- By how much, in log odds, likes were more than predicted in each block of the calendar, oldest first: their scatter is what drift is told from. NULL: as reliability, or too few judgements.
    primary key (model_version, users_group, predictor)
)
