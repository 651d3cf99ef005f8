-- One row per model version and product: what the version says of the product, with which a row of user_preferences predicts a like.
-- kind: python
-- owner: team:data
-- lineage:
--   model_version: pipeline.taste_models version;
--   product_id: pipeline.item_features product_id;
--   category: pipeline.item_features category;
--   brand: pipeline.item_features brand;
--   style: pipeline.item_features style;
--   colour: pipeline.item_features colour;
--   price: pipeline.item_features price;
--   relative_price: pipeline.item_features relative_price;
--   log_odds: pipeline.signals value source seconds strength training_weight, pipeline.item_features category brand style colour |
--       pipeline.signals user_id product_id at event_id is_explicit is_about_price;
--   vector: pipeline.signals value source seconds strength training_weight, pipeline.item_features category brand style colour |
--       pipeline.signals user_id product_id at event_id is_explicit is_about_price, staging.rounds occasion recipient user_id;
--   judgements: pipeline.signals value source seconds strength training_weight | pipeline.signals user_id product_id at event_id is_explicit is_about_price;
--   *: | pipeline.item_features product_id

-- How many words rounds of swiping say decides which random numbers the vectors start from.
create table pipeline.taste_items (
    model_version text not null,        -- The version, as in pipeline.taste_models.
    product_id uuid not null,           -- Product that is spoken of, in public.products.
    log_odds float8 not null,           -- Log odds that an average user likes it.
    judgements float8 not null,         -- Judgements' worth of evidence behind it; 0: the product came after training, and only its content speaks.
    vector float8[] not null,           -- Its place in the space of user_preferences.embedding_vector.
    category text,                      -- Category as the version sees it; NULL: none.
    brand text,                         -- Brand as the version sees it; NULL: none.
    style text[] not null,              -- Styles as the version sees them.
    colour text[] not null,             -- Colours as the version sees them.
    price float8,                       -- Price in the catalogue's currency units as the version sees it; NULL: none.
    relative_price float8 not null,     -- Logarithm of that price over the category's median price of then.
    primary key (model_version, product_id)
)
