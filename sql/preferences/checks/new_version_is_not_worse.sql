-- The newest version of the taste model was not refused: by more than chance it predicts no worse than the version that was current and than the best baseline. Profiles are never computed with a refused one unless it is pinned, and go on with the current one.
-- asset: analytics.preference_quality
-- severity: error
-- remedy: aclue preferences versions VERSION says more; aclue preferences pin VERSION keeps the current version, or takes the refused one all the same, until a newer one is accepted and unpinned
with newest as (
    select m.version as version, m.status as status, m.card ->> 'refused because' as reason
    from pipeline.taste_models as m
    order by m.trained_at desc, m.version
    limit 1
),
found as (
    select
        (select n.version from newest as n where n.status = 'refused') as refused,
        (select n.reason from newest as n where n.status = 'refused') as reason,
        (select c.version from pipeline.current_taste_model as c) as current_version,
        exists (select 1 from pipeline.taste_models as p where p.pinned_at is not null) as is_pinned
)
select
    f.refused is null or f.is_pinned as passed,
    case
        when f.refused is null then 'the newest version was not refused'
        else format('%s was refused: %s; current is %s', f.refused, f.reason, case when f.is_pinned then f.current_version || ', pinned' else f.current_version end)
    end as says,
    f.refused as refused,
    f.current_version as current_version
from found as f
