-- One row per version of the taste model: all that a profile is computed from beside the user's own events and the products.
-- kind: python
-- owner: team:data
create table pipeline.taste_models (
    version text primary key,           -- Name of the version, made from its content: training again on the same data gives the same one.
    trained_at timestamptz not null default now(),  -- When it was stored; the newest is the current one.
    events bigint not null,             -- Signals it was trained on.
    users bigint not null,              -- Users they came from.
    products bigint not null,           -- Products it knew when it was trained.
    seed integer not null,              -- Start of the random numbers of training.
    parameters jsonb not null,          -- Numbers a profile is computed with: rates, prior strengths, price bands, content weights, link, centres of segments.
    vocabulary jsonb not null           -- Facet values the version knows, {facet: [value, …]}, in the order of the weights in parameters.
)
