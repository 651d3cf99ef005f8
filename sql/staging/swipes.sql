-- One row per swipe, each once however often it was delivered: what was judged, by whom, on what occasion.
-- kind: view
-- grain: swipe_id
-- owner: team:data

-- Delivered again: the same user, round of swiping, product, direction and time stamp under another id; the smallest id stays. Without time,
-- or with neither user nor round, two swipes cannot be told from one, and both stay.
-- One walk over what is sorted by all that tells swipes apart: a client that writes any number of swipes at one time stamp makes no pairs of them. What a
-- reader asks of one of these columns (user_id, a range of at) reaches the table; what it joins on does not, so that it names a list of users.
-- The browser session (a swipe carries none) is found by user and time among staging.session_facts: that user's session that had begun and not
-- ended; of several the one begun last. This is the one place where that join is defined; a swipe without user never has one.
-- What was said for a round of swiping counts for whose round it is: a client may write a swipe into any round whose id it knows.
-- What a client sends is any number: strengths are clamped here, once for all readers. Times stay as sent (infinity and
-- the year 294276 among them); which of them count is the reader's rule.
select
    d.id as swipe_id, -- The swipe's id in public.swipe_interactions.
    d.user_id as user_id, -- User who swiped; NULL: an anonymous visitor, of whom nothing else is known. [pii]
    d.product_id as product_id, -- Product that was shown; NULL where it was not recorded.
    d.swipe_direction as direction, -- As recorded: right, up, left or down.
    case d.swipe_direction
        when 'right' then 'like'
        when 'up' then 'super_like'
        when 'left' then 'dislike'
        else 'seen'
    end as judgement, -- What it means: like, super_like, dislike, or seen (skipped without judgement).
    analytics.usable(d.swipe_timestamp) as at, -- When it was made, as the client says; NULL: never recorded, or at a time that cannot be.
    case when d.time_spent_seconds >= 0 then least(d.time_spent_seconds, 86400) end as time_spent_seconds, -- Seconds the product was looked at
                                                                                -- before, at most a day's; NULL where not measured, or below 0.
    case
        when d.preference_strength <> 'NaN' then least(greatest(d.preference_strength, 0), 1)
    end::numeric(3, 2) as preference_strength, -- Strength the app recorded, clamped to 0 to 1; NULL where it recorded none, or no number.
    d.session_id as session_id, -- Round of swiping in public.swipe_sessions (not the browser session); NULL where none. [pii]
    r.session_type as session_type, -- Kind of round: discovery, onboarding, category_exploration, gift_selection; NULL where no round.
    r.occasion as occasion, -- Occasion named for the round, its first 60 characters; NULL where none was. [pii]
    r.recipient as recipient, -- Who the gift is for (relationship), the first 60 characters; NULL where not said. [pii]
    r.recipient_age_range as recipient_age_range, -- Age range of whom it is for, the first 60 characters; NULL where not said. [pii]
    r.recipient_gender as recipient_gender, -- Gender of whom it is for, the first 60 characters; NULL where not said. [pii]
    (
        select s.session_number
        from pipeline.person_numbers as p
        join staging.session_facts as s on s.identity_number = p.identity_number
        where p.identity = analytics.person(d.user_id, null, null)
            and s.is_signed_in and s.started_at <= d.swipe_timestamp and s.active_until >= d.swipe_timestamp
        order by s.started_at desc, s.session_number desc
        limit 1
    ) as session_number -- Number of the browser session in which it was made, by user and time; NULL: anonymous, in none, or not synced yet.
from (
    select distinct on (w.user_id, w.swipe_timestamp, w.session_id, w.product_id, w.swipe_direction, w.lone)
        w.id,
        w.user_id,
        w.product_id,
        w.swipe_direction,
        w.swipe_timestamp,
        w.time_spent_seconds,
        w.preference_strength,
        w.session_id
    from (
        select i.*, case when i.swipe_timestamp is null or i.user_id is null and i.session_id is null then i.id end as lone
        from public.swipe_interactions as i
    ) as w
    order by w.user_id, w.swipe_timestamp desc, w.session_id, w.product_id, w.swipe_direction, w.lone, w.id
) as d
left join staging.rounds as r on r.session_id = d.session_id and r.user_id is not distinct from d.user_id
