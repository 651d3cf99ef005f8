-- The version of the taste model that profiles are computed with: the pinned one, else the newest accepted one; no row before there is one.
-- kind: view
-- grain: version
-- owner: team:data

-- Whoever asks which version is current asks here: recalculation, checks, charts.
select m.version as version     -- Its name, as in pipeline.taste_models.
from pipeline.taste_models as m
where m.pinned_at is not null or coalesce(m.status, 'accepted') = 'accepted'
order by m.pinned_at desc nulls last, m.trained_at desc, m.version
limit 1
