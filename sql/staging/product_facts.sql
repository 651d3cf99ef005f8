-- One row per product ever seen: its currency, brand and category as they were when it was first seen.
-- kind: facts
-- owner: team:data
-- lineage:
--   product_id: staging.products product_id;
--   currency: staging.products currency;
--   brand: staging.products brand;
--   category: staging.products category;
--   gone_at: | public.products id, staging.products product_id;
--   first_seen_at:

-- What a product was shown under stays with what was published: a corrected currency or a deleted product moves no impression to another row.
create table staging.product_facts (
    product_id uuid primary key,            -- The product's id in public.products, where its row may be gone.
    currency text not null,                 -- Currency of its amounts (ISO 4217); '(not set)' where it had none.
    brand text,                             -- Maker as the catalogue spelled it, at most 200 bytes; NULL where it named none.
    category text,                          -- Category: slug (catalogue shape A) or name in lower case (B); NULL where it had none.
    first_seen_at timestamptz not null,     -- When the sync first saw it.
    gone_at timestamptz                     -- When its row was first missed in public.products; NULL: it is there.
)
