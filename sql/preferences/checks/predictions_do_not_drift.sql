-- How much more was liked than predicted in the latest block of the calendar is within the band in which earlier blocks scatter: twice their distance from their mean, at least .1 log odds.
-- asset: analytics.preference_quality
-- severity: warn
-- remedy: aclue preferences train # once it is known what changed: the catalogue, how products are chosen, who swipes
with blocks as (
    select b.value::text::numeric as intercept, b.place as place, count(*) over () as blocks
    from analytics.preference_quality as q
    join pipeline.current_taste_model as m on m.version = q.model_version
    cross join lateral jsonb_array_elements(q.intercepts) with ordinality as b (value, place)
    where q.users_group = 'all' and q.predictor = 'profile'
),
found as (
    select
        max(b.intercept) filter (where b.place = b.blocks) as latest,
        round(avg(b.intercept) filter (where b.place < b.blocks), 3) as usual,
        round(greatest(0.1, 2 * coalesce(stddev_samp(b.intercept) filter (where b.place < b.blocks), 0)), 3) as band,
        count(*) as blocks
    from blocks as b
)
select
    f.blocks < 3 or abs(f.latest - f.usual) <= f.band as passed,
    case
        when f.blocks < 3 then 'fewer than three blocks of the calendar with judgements enough: nothing to judge yet'
        else format(
            'log odds beyond what was predicted: %s in the latest block, %s ± %s in those before',
            f.latest, f.usual, f.band
        )
    end as says,
    f.latest as latest,
    f.usual as usual,
    f.band as band,
    f.blocks as blocks
from found as f
