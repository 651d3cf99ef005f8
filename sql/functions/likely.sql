-- The n products that a user most probably likes, of those that the app shows and the user has neither swiped nor rated: what `recommend` says, in SQL.
-- kind: function
-- owner: team:data

-- Arithmetic: that of aclue_pipeline.preferences.predict, by the version that the profile was computed with; of a user without a profile the current one, as
-- for a stranger. They never differ by more than 1e-6. Of a profile whose version is not kept any more, or of an earlier release, there is no row.
-- New products: from the recalculation on that meets them. The Python functions score them at once, by their content.
-- Who may: service_role and the owner; it says what somebody likes.
-- Columns:
--   product_id  A product, the most probable first, of equally probable ones the lower id.
--   probability  Of a like, calibrated.
create or replace function pipeline.likely(user_id uuid, n integer default 20)
returns table (product_id uuid, probability float8)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
begin
    return query
    with profile as (
        select
            m.version, m.parameters, m.vocabulary, p.embedding_vector as vector,
            coalesce(
                p.ml_features,
                jsonb_build_object(
                    'base', 0, 'base_variance', m.parameters -> 'base_variance', 'recent', '[0, 0]'::jsonb, 'judged', 0, 'price_slope', 0, 'weights', '{}'::jsonb
                )
            ) as features
        from (select likely.user_id as id) as asked
        left join public.user_preferences as p on p.user_id = asked.id
        join pipeline.taste_models as m
            on m.version = coalesce(p.ml_features ->> 'model_version', (select c.version from pipeline.current_taste_model as c))
                and starts_with(m.version, '2-')
    ),
    taste as materialized (
        select
            r.version, r.vector, r.features -> 'weights' -> 'category' as category, r.features -> 'weights' -> 'brand' as brand,
            (r.features ->> 'base')::float8 as base, (r.features -> 'recent' ->> 0)::float8 as moment, (r.features -> 'recent' ->> 1)::float8 as day,
            (r.features ->> 'price_slope')::float8 as slope, ln(1 + (r.features ->> 'judged')::float8) as log_user,
            1 / (1 + ln(1 + (r.features ->> 'judged')::float8)) as newness,
            sqrt(1 + pi() * (r.features ->> 'base_variance')::float8 / 8) as tempered,
            (r.features ->> 'judged')::float8 / ((r.features ->> 'judged')::float8 + 10) as familiarity,
            array(select l.value::float8 from jsonb_array_elements_text(r.parameters -> 'link') with ordinality as l (value, place) order by l.place) as link,
            (r.parameters -> 'calibration' ->> 0)::float8 as shift, (r.parameters -> 'calibration' ->> 1)::float8 as steepness
        from profile as r
    ),
    words as materialized (
        select f.facet, v.value as word, coalesce((r.features -> 'weights' -> f.facet ->> v.value)::float8, 0) as weight
        from profile as r
        cross join (values ('style'), ('colour')) as f (facet)
        cross join lateral jsonb_array_elements_text(r.vocabulary -> f.facet) as v (value)
    ),
    shown as (
        select i.*
        from taste as t
        join pipeline.taste_items as i on i.model_version = t.version
        join public.products as p on p.id = i.product_id and p.is_active
        where not exists (select from public.swipe_interactions as s where s.user_id = likely.user_id and s.product_id = i.product_id)
            and not exists (select from public.recommendation_feedback as s where s.user_id = likely.user_id and s.product_id = i.product_id)
    ),
    said as (
        select
            i.product_id,
            coalesce(sum(w.weight) filter (where w.facet = 'style') / sqrt(count(*) filter (where w.facet = 'style')), 0) as style,
            coalesce(sum(w.weight) filter (where w.facet = 'colour') / sqrt(count(*) filter (where w.facet = 'colour')), 0) as colour
        from shown as i
        cross join lateral (
            select 'style', s.word from unnest(i.style) as s (word)
            union
            select 'colour', s.word from unnest(i.colour) as s (word)
        ) as has (facet, word)
        join words as w on w.facet = has.facet and w.word = has.word
        group by i.product_id
    ),
    parts as (
        select
            i.product_id, i.log_odds as offset_, ln(1 + i.judgements) as log_item,
            array[
                (i.log_odds + t.base) / t.tempered, (i.log_odds + t.moment) / t.tempered, (i.log_odds + t.day) / t.tempered,
                coalesce((t.category ->> i.category)::float8, 0), coalesce((t.brand ->> i.brand)::float8, 0), coalesce(s.style, 0), coalesce(s.colour, 0),
                t.slope * i.relative_price,
                coalesce((select sum(v.a * v.b) from unnest(t.vector, i.vector) as v (a, b)), 0)
            ] as evidence
        from shown as i
        cross join taste as t
        left join said as s on s.product_id = i.product_id
    ),
    weighed as (
        select
            r.product_id,
            t.link[1] + (select sum(e.part * (t.link[1 + e.place] + t.newness * t.link[10 + e.place])) from unnest(r.evidence) with ordinality as e (part, place))
            + t.link[20] * r.offset_ + t.link[21] * r.offset_ * r.log_item + t.link[22] * r.log_item + t.link[23] * t.log_user + t.link[24] * t.newness as score
        from parts as r
        cross join taste as t
    )
    select w.product_id, 1 / (1 + exp(-(w.score + t.familiarity * (t.shift + t.steepness * w.score))))
    from weighed as w
    cross join taste as t
    order by 2 desc, 1
    limit greatest(likely.n, 0);
end
$body$
