-- On judgements that were held out, profiles predict better (smaller log-loss) than everybody's rate, the product's popularity and the user's own rate.
-- asset: analytics.preference_quality
-- severity: warn
-- mend: aclue preferences train, or look at the reliability plot: with few judgements nothing beats the user's own rate
with measured as (
    select q.predictor as predictor, q.log_loss as log_loss
    from analytics.preference_quality as q
    where q.users_group = 'all'
        and q.model_version = (select m.version from pipeline.taste_models as m order by m.trained_at desc, m.version limit 1)
),
found as (
    select
        max(m.log_loss) filter (where m.predictor = 'profile') as profile,
        min(m.log_loss) filter (where m.predictor <> 'profile') as best_baseline
    from measured as m
)
select
    coalesce(f.profile < f.best_baseline, true) as passed,
    case
        when f.profile is null or f.best_baseline is null then 'nothing was held out: not applicable'
        else 'log-loss ' || round(f.profile::numeric, 4) || ' against ' || round(f.best_baseline::numeric, 4) || ' of the best baseline'
    end as says,
    f.profile is not null and f.best_baseline is not null as applicable,
    f.profile as profile,
    f.best_baseline as best_baseline
from found as f
