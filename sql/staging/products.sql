-- One row per product of the app's catalogue, whichever of the two shapes the app's table has.
-- kind: view
-- grain: product_id
-- owner: team:data

-- Columns that only one shape has are read through to_jsonb(p), where a missing column is a NULL instead of an error; plain
-- columns cost nothing, so a reader that takes only those never builds the JSON.
-- A numeric column holds NaN too, which is above every number and spreads through every sum: such a price is unknown, here, for all readers.
select
    p.id as product_id, -- The product's id in public.products.
    p.title as title, -- Name as the shop shows it.
    p.description as description, -- Text as the shop shows it; NULL where it has none.
    nullif(btrim(p.brand), '') as brand, -- Maker, as written; NULL where unknown.
    coalesce(c.slug, lower(btrim(to_jsonb(p) ->> 'category'))) as category, -- Slug of the category (shape A) or its name in
                                                                            -- lower case (shape B); NULL where it has none.
    coalesce(
        nullif((to_jsonb(p) ->> 'price')::numeric, 'NaN'),
        round(
            (
                coalesce(nullif((to_jsonb(p) ->> 'price_min')::numeric, 'NaN'), nullif((to_jsonb(p) ->> 'price_max')::numeric, 'NaN'))
                + coalesce(nullif((to_jsonb(p) ->> 'price_max')::numeric, 'NaN'), nullif((to_jsonb(p) ->> 'price_min')::numeric, 'NaN'))
            ) / 2,
            2
        )
    )::numeric as price, -- Price in the product's currency (shape A: middle of its range); NULL where unknown.
    coalesce(
        nullif((to_jsonb(p) ->> 'price_min')::numeric, 'NaN'), nullif((to_jsonb(p) ->> 'price')::numeric, 'NaN')
    )::numeric as price_min, -- Lowest price in the product's currency; NULL where unknown.
    coalesce(
        nullif((to_jsonb(p) ->> 'price_max')::numeric, 'NaN'), nullif((to_jsonb(p) ->> 'price')::numeric, 'NaN')
    )::numeric as price_max, -- Highest price in the product's currency; NULL where unknown.
    nullif(upper(btrim(p.currency)), '') as currency, -- ISO 4217 code of all its amounts; NULL where unknown.
    (
        case
            when jsonb_typeof(to_jsonb(p) -> 'tags') = 'array' then array(select jsonb_array_elements_text(to_jsonb(p) -> 'tags'))
        end
    )::text[] as tags, -- Free words on the product (shape A); NULL where the catalogue has none.
    coalesce(to_jsonb(p) ->> 'affiliate_network', to_jsonb(p) ->> 'retailer')::text as affiliate_network, -- Network (shape A) or
                                                                                                    -- retailer (shape B) that pays; NULL where none.
    nullif((to_jsonb(p) ->> 'commission_rate')::numeric, 'NaN') as commission_rate, -- Share of the price that is paid, 0 to 1 (shape A); NULL where unknown.
    p.rating as rating, -- Mean rating of the shop's customers, stars; NULL where nobody rated.
    p.features as features, -- Further properties as the app keeps them; NULL where none.
    p.is_active as is_active, -- Whether the app still shows it; NULL counts as unknown.
    p.created_at as created_at -- When it entered the catalogue; NULL where unknown.
from public.products as p
left join public.categories as c on c.id = (to_jsonb(p) ->> 'category_id')::uuid
