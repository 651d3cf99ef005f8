-- What clients and catalogues send is within bounds; what is not is clamped or left out of the signals, and counted here by cause. It warns where that is more than one row in a hundred of the swipes, the rounds of swiping, the feedback, the products or the adjustments of profiles.
-- asset: pipeline.signals
-- severity: warn
-- remedy: find who sends them (public.swipe_interactions: swipe_timestamp, time_spent_seconds, preference_strength; public.products: prices; pipeline.adjustments: ignored); profiles are right without
with bounds as (
    select date_bin(interval '1 day', now(), timestamptz '2000-01-01 00:00:00+00') + interval '48 hours' as cut
),
swiped as (
    select
        count(*) as swipes,
        count(*) filter (where d.swipe_timestamp < timestamptz '2000-01-01 00:00:00+00') as too_early,
        count(*) filter (where d.swipe_timestamp >= b.cut) as too_late,
        count(*) filter (where d.time_spent_seconds not between 0 and 86400) as time_spent,
        count(*) filter (where d.preference_strength not between 0 and 1) as strength
    from public.swipe_interactions as d
    cross join bounds as b
),
rounds as (
    select
        count(*) as rounds,
        count(*) filter (where greatest(
            length(r.occasion), length(r.recipient_relationship), length(r.recipient_age_range), length(r.recipient_gender)
        ) > 60) as words
    from public.swipe_sessions as r
),
fed as (
    select
        count(*) as feedback,
        count(*) filter (where f.created_at < timestamptz '2000-01-01 00:00:00+00') as too_early,
        count(*) filter (where f.created_at >= b.cut) as too_late,
        count(*) filter (where f.training_weight = 'NaN') as weight
    from public.recommendation_feedback as f
    cross join bounds as b
),
catalogue as (
    select
        count(*) as products,
        count(*) filter (
            where array[to_jsonb(p) ->> 'price', to_jsonb(p) ->> 'price_min', to_jsonb(p) ->> 'price_max'] && array['NaN', 'Infinity', '-Infinity']
        ) as price
    from public.products as p
),
adjusted as (
    select count(*) as rows_kept, coalesce(sum(a.ignored), 0) as ignored, count(*) filter (where a.ignored > 0) as rows_ignored
    from pipeline.adjustments as a
),
found as (
    select
        s.too_early + f.too_early as too_early,
        s.too_late + f.too_late as too_late,
        s.time_spent as time_spent,
        s.strength as strength,
        f.weight as weight,
        r.words as words,
        c.price as price,
        a.ignored as adjustments,
        s.too_early + s.too_late + s.time_spent + s.strength <= 0.01 * s.swipes
        and f.too_early + f.too_late + f.weight <= 0.01 * f.feedback
        and r.words <= 0.01 * r.rounds
        and c.price <= 0.01 * c.products
        and a.rows_ignored <= 0.01 * a.rows_kept as passed
    from swiped as s
    cross join rounds as r
    cross join fed as f
    cross join catalogue as c
    cross join adjusted as a
)
select
    n.passed as passed,
    case
        when n.too_early + n.too_late + n.time_spent + n.strength + n.weight + n.words + n.price + n.adjustments = 0
            then 'no number, date or word had to be clamped or left out'
        else format(
            'left out: %s events before 2000, %s later than tomorrow (UTC); clamped: %s times spent, %s strengths, %s weights, %s rounds with long words, %s prices; ignored: %s adjustments',
            n.too_early, n.too_late, n.time_spent, n.strength, n.weight, n.words, n.price, n.adjustments
        )
    end as says,
    n.too_early as too_early,
    n.too_late as too_late,
    n.time_spent as time_spent,
    n.strength as strength,
    n.weight as weight,
    n.words as words,
    n.price as price,
    n.adjustments as adjustments
from found as n
