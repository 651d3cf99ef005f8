-- One row per word by which a product's tags or title tell a style or a colour.
-- kind: view
-- grain: word
-- schema: pipeline
-- owner: team:data

-- A new word is one entry below. Words are compared whole and in lower case; each counts with a plural s too.
-- Materials are styles: a wooden toy and a wooden frame have in common what one likes about them.
with listed as (
    select l.facet as facet, l.value as value, l.words as words
    from (values
        ('colour', 'red', 'red ruby scarlet crimson'),
        ('colour', 'pink', 'pink fuchsia cerise rose-pink'),
        ('colour', 'blue', 'blue navy denim'),
        ('colour', 'turquoise', 'turquoise aqua teal'),
        ('colour', 'green', 'green olive lime mint sage'),
        ('colour', 'yellow', 'yellow lemon mustard'),
        ('colour', 'orange', 'orange amber'),
        ('colour', 'purple', 'purple lilac amethyst plum'),
        ('colour', 'brown', 'brown chocolate'),
        ('colour', 'black', 'black jet'),
        ('colour', 'white', 'white'),
        ('colour', 'cream', 'cream ivory beige'),
        ('colour', 'grey', 'grey gray slate'),
        ('colour', 'silver', 'silver'),
        ('colour', 'gold', 'gold golden brass'),
        ('style', 'vintage', 'vintage antique retro victorian edwardian regency nostalgic retrospot'),
        ('style', 'modern', 'modern contemporary minimalist sleek'),
        ('style', 'classic', 'classic traditional timeless'),
        ('style', 'floral', 'floral flower daisy blossom botanical paisley'),
        ('style', 'country', 'country cottage rustic woodland gingham farmhouse'),
        ('style', 'romantic', 'romantic heart love sweetheart lace'),
        ('style', 'playful', 'playful funky polkadot circus spaceboy toadstool'),
        ('style', 'glamorous', 'glamorous diamante crystal glitter jewelled sequin'),
        ('style', 'luxury', 'luxury luxurious premium deluxe'),
        ('style', 'handmade', 'handmade handcrafted artisan'),
        ('style', 'personalised', 'personalised personalized engraved custom'),
        ('style', 'wood', 'wood wooden oak bamboo'),
        ('style', 'metal', 'metal zinc enamel steel'),
        ('style', 'glass', 'glass'),
        ('style', 'ceramic', 'ceramic porcelain china stoneware'),
        ('style', 'textile', 'textile cotton felt linen wool woolly knitted'),
        ('style', 'leather', 'leather'),
        ('style', 'wicker', 'wicker rattan seagrass')
    ) as l (facet, value, words)
),
singular as (
    select distinct on (s.word) s.word as word, l.facet as facet, l.value as value
    from listed as l
    cross join lateral regexp_split_to_table(l.words, ' +') as s (word)
    order by s.word, l.facet, l.value
)
select
    n.word || e.ending as word,     -- The word as it stands in a title or among the tags, lower case.
    n.facet as facet,               -- What it speaks about: style or colour.
    n.value as value                -- The value it stands for, the key in style_scores or colour_preferences.
from singular as n
cross join (values (''), ('s')) as e (ending)
