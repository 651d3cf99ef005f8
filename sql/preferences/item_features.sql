-- One row per product: what it is liked or disliked for, from either catalogue shape.
-- kind: view
-- grain: product_id
-- schema: pipeline
-- owner: team:data

-- Styles and colours are what the tags and the features (style, material, theme, colour) say, and what pipeline.taste_words
-- knows of the title's words. A model version keeps these values as they were when it first met the product.
-- Every value is a key of somebody's profile: words are cut to 60 characters, names to 100 or, beyond
-- 240 bytes, to 60, so that 48 keys fit into their column; of a title the first 1,000 are read.
with said as (
    select p.product_id as product_id, left(lower(btrim(t.tag)), 60) as word, 'style' as otherwise
    from staging.products as p
    cross join lateral unnest(p.tags) as t (tag)
    union all
    select
        p.product_id as product_id,
        left(lower(btrim(v.value)), 60) as word,
        case when f.key in ('colour', 'color', 'colours', 'colors') then 'colour' else 'style' end as otherwise
    from staging.products as p
    cross join lateral jsonb_each(case when jsonb_typeof(p.features) = 'object' then p.features else '{}'::jsonb end) as f (key, value)
    cross join lateral jsonb_array_elements_text(
        case jsonb_typeof(f.value) when 'array' then f.value when 'string' then jsonb_build_array(f.value) else '[]'::jsonb end
    ) as v (value)
    where f.key in ('style', 'styles', 'material', 'materials', 'theme', 'themes', 'colour', 'color', 'colours', 'colors')
    union all
    select p.product_id as product_id, t.word as word, null::text as otherwise
    from staging.products as p
    cross join lateral regexp_split_to_table(lower(left(p.title, 1000)), '[^[:alnum:]-]+') as t (word)
),
facets as (
    select
        s.product_id as product_id,
        array_agg(distinct coalesce(w.value, s.word)) filter (where coalesce(w.facet, s.otherwise) = 'style') as style,
        array_agg(distinct coalesce(w.value, s.word)) filter (where coalesce(w.facet, s.otherwise) = 'colour') as colour
    from said as s
    left join pipeline.taste_words as w on w.word = s.word
    where s.word <> '' and coalesce(w.facet, s.otherwise) is not null
    group by s.product_id
),
usual as (
    select p.category as category, percentile_cont(0.5) within group (order by p.price::float8) as price
    from staging.products as p
    where p.price > 0 and p.price < 'infinity'
    group by p.category
)
select
    p.product_id as product_id,                                             -- The product.
    nullif(btrim(regexp_replace(left(p.category, case when octet_length(left(p.category, 100)) <= 240 then 100 else 60 end), '[[:cntrl:][:space:]]+', ' ', 'g')), '') as category,  -- Its category: slug (catalogue shape A) or lower-case name (B); NULL: none given.
    nullif(btrim(regexp_replace(left(p.brand, case when octet_length(left(p.brand, 100)) <= 240 then 100 else 60 end), '[[:cntrl:][:space:]]+', ' ', 'g')), '') as brand,        -- Its brand as the catalogue spells it; NULL: none given.
    coalesce(f.style, '{}'::text[]) as style,                               -- Styles and materials, lower case, in order; empty: none known.
    coalesce(f.colour, '{}'::text[]) as colour,                             -- Colours, lower case, in order; empty: none known.
    case when p.price > 0 and p.price < 'infinity' then p.price::float8 end as price,  -- Price in the catalogue's currency units; NULL: none given, 0, or infinite.
    case when p.price > 0 and p.price < 'infinity' and u.price > 0 then ln(p.price::float8 / u.price) else 0 end as relative_price  -- Natural logarithm of the price over the category's median price; 0: as dear as usual, or no price.
from staging.products as p
left join facets as f on f.product_id = p.product_id
left join usual as u on u.category is not distinct from p.category
