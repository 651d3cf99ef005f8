-- One row per round of swiping: whose it is and what was said for it.
-- kind: view
-- grain: session_id
-- owner: team:data

-- What a client says is any text: words are cut here, once for all readers.
select
    r.id as session_id, -- The round's id in public.swipe_sessions.
    r.user_id as user_id, -- Whose round it is; NULL: an anonymous visitor's. [pii]
    r.session_type as session_type, -- Kind of round: discovery, onboarding, category_exploration, gift_selection.
    nullif(left(r.occasion, 60), '') as occasion, -- Occasion named for it, its first 60 characters; NULL where none was. [pii]
    nullif(left(r.recipient_relationship, 60), '') as recipient, -- Who the gift is for (relationship), the first 60 characters; NULL where not said. [pii]
    nullif(left(r.recipient_age_range, 60), '') as recipient_age_range, -- Age range of whom it is for, the first 60 characters; NULL where not said. [pii]
    nullif(left(r.recipient_gender, 60), '') as recipient_gender -- Gender of whom it is for, the first 60 characters; NULL where not said. [pii]
from public.swipe_sessions as r
