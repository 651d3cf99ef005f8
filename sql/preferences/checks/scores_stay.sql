-- Scores stay where nothing happened: of users whose events had not changed, the last recalculation by the same version of the taste model moved no profile, and the passage to the current version moved a score by more than .1 in no more than one profile of twenty.
-- asset: public.user_preferences
-- severity: warn
-- remedy: by the same version: were the machine, numpy or a file of the project changed? Then all is well after aclue preferences recalculate --full; by a new one: aclue preferences versions VERSION says what it learned, aclue preferences rollback goes back
with found as (
    select
        max(d.version_before) filter (where d.version_before <> d.model_version) as version_before,
        coalesce(sum(d.compared) filter (where d.version_before = d.model_version), 0) as compared_with_itself,
        coalesce(sum(d.moved) filter (where d.version_before = d.model_version), 0) as moved_by_itself,
        coalesce(sum(d.compared) filter (where d.version_before <> d.model_version), 0) as compared_with_before,
        coalesce(sum(d.far) filter (where d.version_before <> d.model_version), 0) as moved_far
    from (
        select distinct on (s.version_before = s.model_version) s.*
        from pipeline.score_drift as s
        join pipeline.current_taste_model as c on c.version = s.model_version
        order by s.version_before = s.model_version, s.measured_at desc
    ) as d
)
select
    f.moved_by_itself = 0 and f.moved_far * 20 <= f.compared_with_before as passed,
    case
        when f.compared_with_itself + f.compared_with_before = 0 then 'no profile was computed twice from the same events: nothing to judge yet'
        else concat_ws(
            '; ',
            case
                when f.compared_with_itself > 0
                    then format('by the same version %s of %s profiles came out different', f.moved_by_itself, f.compared_with_itself)
            end,
            case
                when f.compared_with_before > 0
                    then format('coming from %s a score moved by more than .1 in %s of %s profiles', f.version_before, f.moved_far, f.compared_with_before)
            end
        )
    end as says,
    f.version_before as version_before,
    f.compared_with_itself as compared_with_itself,
    f.moved_by_itself as moved_by_itself,
    f.compared_with_before as compared_with_before,
    f.moved_far as moved_far
from found as f
