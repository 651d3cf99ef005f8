-- One row per signal of a user about a product: a swipe or a validated piece of feedback, with what it says.
-- kind: view
-- grain: event_id
-- schema: pipeline
-- owner: team:data

-- How much a signal says is not told here: each version of the taste model weighs them, by its own parameters.
-- Swipes: right and up are likes, left is a dislike, down was seen without a judgement.
-- Feedback: its value; what was found implausible (is_validated is false, not NULL), has no weight or says 0 is left out. A tag such as
-- too_expensive speaks about the price, not about the product.
-- What a client sends may be any number and any time: staging.swipes clamps the numbers; a time before 2000 or from the cut on, which is the end of
-- the next UTC day, is left out, and taken in by the first pass whose cut lies behind it. Clamped to now it would change a profile every hour.
-- Anonymous swipes belong to nobody's taste.
with events as (
    select
        s.user_id as user_id,
        s.product_id as product_id,
        s.at as at,
        s.swipe_id as event_id,
        case s.judgement when 'dislike' then -1 when 'seen' then 0 else 1 end::float8 as value,
        s.judgement as source,
        s.time_spent_seconds as seconds,
        s.preference_strength::float8 as strength,
        1::float8 as training_weight,
        s.judgement <> 'seen' as is_explicit,
        false as is_about_price,
        false as is_pending,
        s.occasion as occasion,
        s.recipient as recipient
    from staging.swipes as s
    where s.user_id is not null and s.product_id is not null
    union all
    select
        f.user_id as user_id,
        f.product_id as product_id,
        coalesce(f.created_at, timestamptz '2000-01-01 00:00:00+00') as at,
        f.id as event_id,
        f.feedback_value::float8 as value,
        'feedback' as source,
        null::integer as seconds,
        null::float8 as strength,
        coalesce(nullif(f.training_weight, 'NaN')::float8, float8 '1') as training_weight,
        f.feedback_type is not distinct from 'explicit' as is_explicit,
        f.feedback_value < 0 and coalesce(f.feedback_tags && array['too_expensive', 'too_cheap', 'overpriced', 'price'], false) as is_about_price,
        f.is_processed is not true as is_pending,
        null::text as occasion,
        null::text as recipient
    from public.recommendation_feedback as f
    where coalesce(f.is_validated, true) and f.feedback_value between -1 and 1 and f.feedback_value <> 0
        and coalesce(nullif(f.training_weight, 'NaN'), 1) > 0
)
select
    e.user_id as user_id,               -- Who judged. [pii]
    e.product_id as product_id,         -- The product judged.
    e.at as at,                         -- When.
    e.event_id as event_id,             -- Id of the swipe or of the feedback.
    e.value as value,                   -- From -1 (dislike) over 0 (seen only) to 1 (like).
    e.source as source,                 -- like, super_like, dislike or seen (swipes), or feedback.
    e.seconds as seconds,               -- Seconds that the product was looked at before a swipe, 0 to 86,400; NULL: not measured, or feedback.
    e.strength as strength,             -- Strength that the app recorded with a swipe, 0 to 1, 0.5 is undecided; NULL: none recorded, or feedback.
    e.training_weight as training_weight,  -- Weight that feedback carries, above 0; 1 where it carries none, and for swipes.
    e.is_explicit as is_explicit,       -- Whether the user meant to judge; implicit signals (a click, ignoring) give way to these.
    e.is_about_price as is_about_price, -- Whether it speaks about the price and not about the product.
    e.is_pending as is_pending,         -- Whether it is feedback that no profile has taken in yet.
    e.occasion as occasion,             -- Occasion of the swipe session as the app names it; NULL: none stated, or feedback. [pii]
    e.recipient as recipient            -- Relationship of the person the gift is for as the app names it; NULL: none stated, or feedback. [pii]
from events as e
where e.at >= timestamptz '2000-01-01 00:00:00+00'
    and e.at < date_bin(interval '1 day', now(), timestamptz '2000-01-01 00:00:00+00') + interval '48 hours'
