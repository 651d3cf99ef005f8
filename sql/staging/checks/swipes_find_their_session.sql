-- Swipes of signed-in users fall into one of their browser sessions; it warns where more than half of the last 35 days' do not. Anonymous swipes never do.
-- asset: staging.swipes
-- severity: warn
-- remedy: see whether session_analytics is written (started_at, last_activity_at, user_id); until then the funnel ends before the swipe
with swiped as (
    select
        count(*) as swipes,
        count(*) filter (where w.user_id is null) as anonymous,
        count(*) filter (where w.user_id is not null and w.session_number is null) as unmatched
    from staging.swipes as w
    where w.at >= now() - 35 * interval '24 hours'
)
select
    s.unmatched <= 0.5 * (s.swipes - s.anonymous) as passed,
    format('%s of %s swipes are in no session: %s anonymous, %s of users', s.anonymous + s.unmatched, s.swipes, s.anonymous, s.unmatched) as says,
    s.swipes as swipes,
    s.anonymous as anonymous,
    s.unmatched as unmatched,
    round((s.anonymous + s.unmatched)::numeric / nullif(s.swipes, 0), 6) as unmatched_share
from swiped as s
