-- One row per user, product and event of that user: how much the event says, what it adds to the log odds that the user likes the product, and how sure those are.
-- kind: view
-- grain: user_id, product_id, event_id
-- owner: team:data
-- readers: service_role

-- Ask of one user and one product: `where user_id = … and product_id = …`. What the profile rests on, whatever the product: `where user_id = … and
-- product_id = judged_product_id`. Without a user it is everybody's events times all products.
-- Arithmetic: that of aclue_pipeline.preferences.explain, by the version that the profile was computed with and the profile as it stands; where no event came
-- or went since, they never differ by more than 1e-6. Of a profile whose version is not kept any more, or of an earlier release, there is no row; an event
-- about a product that no recalculation has met yet has none either.
-- Left out: what a profile would be without an event, all else learned anew (`effect`): only the Python function says that.
-- Speed: what stands in large values is read once, of each version and of each profile (offset 0), and not for every event.
with model as materialized (
    select
        m.version as version,
        (m.parameters ->> 'base_variance')::float8 as prior_variance,
        (m.parameters ->> 'half_life_days')::float8 as half_life_days,
        (m.parameters ->> 'weight_scale')::float8 as weight_scale,
        (m.parameters ->> 'time_gain')::float8 as time_gain,
        (m.parameters ->> 'time_half')::float8 as time_half,
        (m.parameters ->> 'strength_slope')::float8 as strength_slope,
        m.parameters -> 'source_weight' as source_weight,
        m.parameters -> 'link' as link,
        (m.parameters -> 'calibration' ->> 1)::float8 as calibration
    from pipeline.taste_models as m
    where starts_with(m.version, '2-')
),
taste as (
    select
        p.user_id as user_id,
        f.base::float8 as base,
        f.variance::float8 as variance,
        f.judged::float8 as judged,
        1 / (1 + ln(1 + f.judged::float8)) as newness,
        1 + m.calibration * f.judged::float8 / (f.judged::float8 + 10) as steepness,
        m.version as version,
        m.prior_variance as prior_variance,
        m.half_life_days as half_life_days,
        m.weight_scale as weight_scale,
        m.time_gain as time_gain,
        m.time_half as time_half,
        m.strength_slope as strength_slope,
        m.source_weight as source_weight,
        m.link as link
    from public.user_preferences as p
    cross join lateral (
        select
            p.ml_features ->> 'model_version' as version,
            (p.ml_features ->> 'base')::float8 as base,
            (p.ml_features ->> 'base_variance')::float8 as variance,
            (p.ml_features ->> 'judged')::float8 as judged
        offset 0
    ) as f
    join model as m on m.version = f.version
)
select
    t.user_id as user_id,                       -- Whose profile. [pii]
    i.product_id as product_id,                 -- The product that is asked about.
    e.event_id::uuid as event_id,               -- The event: id of the swipe or of the feedback.
    e.at::timestamptz as at,                    -- When it was.
    e.product_id::uuid as judged_product_id,    -- The product that was judged.
    e.source::text as source,                   -- like, super_like, dislike or seen (swipes), or feedback.
    e.value::float8 as value,                   -- From -1 (dislike) over 0 (seen only) to 1 (like).
    e.weight::float8 as weight,                 -- What it says now: an average judgement on the day of the user's latest event 1; 0 where it was only seen, or
                                                -- another judgement of the same product counts.
    e.residual::float8 * (select sum(n.a * n.b)::float8 from unnest(e.vector, i.vector) as n (a, b)) / sqrt(t.judged + 1) * t.steepness * ((t.link ->> 9)::float8 + t.newness * (t.link ->> 18)::float8) as share,  -- What it adds to the
                                                -- vector's part of the log odds: what the events of one user add for one product makes that part.
    array(
        select 'category ' || i.category where i.category = e.category
        union all
        select 'brand ' || i.brand where i.brand = e.brand
        union all
        select 'style ' || s.word from unnest(i.style) as s (word) where s.word = any(e.style)
        union all
        select 'colour ' || c.word from unnest(i.colour) as c (word) where c.word = any(e.colour)
    ) as in_common,                             -- Facet values that both products have: by these the event speaks for or against the product, too.
    1 - t.variance / t.prior_variance as confidence,  -- How far the user's own rate of likes is known: 0 nothing … 1.
    1.6448536269514722 * sqrt(t.variance) / sqrt(1 + pi() * t.variance / 8) * t.steepness * (
        (t.link ->> 1)::float8 + (t.link ->> 2)::float8 + (t.link ->> 3)::float8
        + t.newness * ((t.link ->> 10)::float8 + (t.link ->> 11)::float8 + (t.link ->> 12)::float8)
    ) as give_or_take,                          -- The log odds of a like lie nine times out of ten no further than this from what is predicted, as far as the
                                                -- user's own rate is known.
    t.version as model_version                  -- Version of the taste model that the profile was computed with.
from taste as t
cross join lateral (
    select
        w.event_id as event_id, w.at as at, w.product_id as product_id, w.source as source, w.value as value, w.vector as vector, w.category as category, w.brand as brand, w.style as style, w.colour as colour,
        w.weight as weight,
        case when w.is_about_price or w.value = 0 then 0 else w.weight * ((w.value > 0)::integer - 1 / (1 + exp(-(w.log_odds + t.base)))) end as residual
    from (
        select
            j.event_id as event_id, j.at as at, j.product_id as product_id, j.source as source, j.value as value, j.vector as vector, j.category as category, j.brand as brand, j.style as style, j.colour as colour,
            j.log_odds as log_odds, j.is_about_price as is_about_price,
            case
                when j.value <> 0 and row_number() over (
                    partition by j.product_id, j.is_about_price, j.value <> 0 order by j.is_explicit desc, j.at desc, j.event_id desc
                ) = 1
                    then max(j.says) over (partition by j.product_id, j.is_about_price, sign(j.value))
                        * power(2, -extract(epoch from max(j.at) over () - j.at)::float8 / 86400 / t.half_life_days)
                else 0
            end as weight
        from (
            select
                s.product_id as product_id, s.event_id as event_id, s.at as at, s.value as value, s.source as source, s.is_explicit as is_explicit,
                s.is_about_price as is_about_price, k.log_odds as log_odds, k.vector as vector, k.category as category, k.brand as brand,
                k.style as style, k.colour as colour,
                t.weight_scale * abs(s.value) * s.training_weight * (1 + t.strength_slope * abs(coalesce(s.strength, 0.5) - 0.5))
                * case when s.seconds is null then 1 else 1 - t.time_gain / 2 + t.time_gain * s.seconds / (s.seconds + t.time_half) end
                * (
                    t.source_weight ->> case s.source
                        when 'like' then 0 when 'super_like' then 1 when 'dislike' then 2 when 'seen' then 3 else case when s.is_explicit then 4 else 5 end
                    end
                )::float8 as says
            from pipeline.signals as s
            join pipeline.taste_items as k on k.model_version = t.version and k.product_id = s.product_id
            where s.user_id = t.user_id
        ) as j
    ) as w
) as e
join pipeline.taste_items as i on i.model_version = t.version
