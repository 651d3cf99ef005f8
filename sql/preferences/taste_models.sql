-- One row per version of the taste model: all that a profile is computed from beside the user's own events and the products. One is trained once signals have grown by a quarter.
-- kind: python
-- owner: team:data
-- lineage:
--   trained_at, seed, pinned_at: ;
--   version, parameters: pipeline.signals value source seconds strength training_weight, pipeline.item_features category brand style colour price relative_price, staging.rounds occasion recipient |
--       pipeline.signals user_id product_id at event_id is_explicit is_about_price, pipeline.item_features product_id, staging.rounds session_id user_id;
--   card: pipeline.signals value source seconds strength training_weight, pipeline.item_features category brand style colour relative_price, staging.rounds occasion recipient |
--       pipeline.signals user_id product_id at event_id is_explicit is_about_price, pipeline.item_features product_id, staging.rounds user_id;
--   status: pipeline.signals value source seconds strength training_weight, pipeline.item_features category brand style colour relative_price |
--       pipeline.signals user_id product_id at event_id is_explicit is_about_price, pipeline.item_features product_id, staging.rounds occasion recipient user_id;
--   vocabulary: pipeline.item_features category brand style colour, staging.rounds occasion recipient | pipeline.item_features product_id, staging.rounds user_id;
--   events: pipeline.signals event_id | pipeline.signals user_id product_id at, pipeline.item_features product_id;
--   users: pipeline.signals user_id | pipeline.signals product_id at event_id;
--   products: pipeline.item_features product_id
create table pipeline.taste_models (
    version text primary key,           -- Name of the version, made from its content: training again on the same data gives the same one while the same version is current.
    trained_at timestamptz not null default now(),  -- When it was stored.
    events bigint not null,             -- Signals it was trained on.
    users bigint not null,              -- Users they came from.
    products bigint not null,           -- Products it knew when it was trained.
    seed integer not null,              -- Start of the random numbers of training.
    parameters jsonb not null,          -- Numbers a profile is computed with: what signals weigh, rates, prior strengths, price bands, content weights, link, centres of segments.
    vocabulary jsonb not null,          -- Facet values the version knows, {facet: [value, …]}, in the order of the weights in parameters.
                                        -- Of words that users chose (occasion, recipient) those of five users or more only: the model outlives their accounts,
                                        -- and where fewer are left that say a word, the erasure puts '' in its place.
    status text,                        -- candidate (not judged yet), accepted or refused; NULL: stored before versions were judged, which counts as accepted.
    pinned_at timestamptz,              -- Since when it is the current version by a person's word (aclue preferences pin), whatever is newer; NULL: it is not pinned.
    card jsonb                          -- What it was made of and how it was judged, in plain words: aclue preferences versions VERSION; NULL: stored before versions had one.
)
