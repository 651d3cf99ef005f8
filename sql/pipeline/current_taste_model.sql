-- The version of the taste model that profiles are computed with; no row before the first training.
-- kind: view
-- grain: version
-- owner: team:data

-- Whoever asks which version is current asks here: recalculation, checks, charts.
select m.version as version     -- Its name, as in pipeline.taste_models.
from pipeline.taste_models as m
order by m.trained_at desc, m.version
limit 1
