-- Feedback that a profile took in is marked as processed, in the same transaction; none is left waiting after a recalculation.
-- asset: public.user_preferences
-- severity: warn
-- remedy: aclue preferences recalculate
select
    count(*) filter (where s.is_pending) = 0 as passed,
    count(*) filter (where s.is_pending) || ' pieces of feedback wait for the next recalculation' as says,
    count(*) filter (where s.is_pending) as waiting
from pipeline.signals as s
