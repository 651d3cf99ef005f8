-- Feedback that a profile took in is marked as processed, in the same transaction; none is left waiting after a recalculation.
-- asset: public.user_preferences
-- severity: warn
-- remedy: aclue preferences recalculate
select
    count(*) = 0 as passed,
    count(*) || ' pieces of feedback wait for the next recalculation' as says,
    count(*) as waiting
from pipeline.signals as s
where s.is_pending
