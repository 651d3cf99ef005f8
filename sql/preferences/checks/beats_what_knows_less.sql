-- On judgements that were held out, profiles predict better (smaller log-loss) than everybody's rate, the product's popularity and the user's own rate; judged from 2,000 judgements on.
-- asset: analytics.preference_quality
-- severity: warn
-- remedy: aclue preferences train # the reliability plot says where it is wrong
with measured as (
    select q.predictor as predictor, q.log_loss as log_loss, q.judgements as judgements
    from analytics.preference_quality as q
    join pipeline.current_taste_model as m on m.version = q.model_version
    where q.users_group = 'all'
),
found as (
    select
        max(m.log_loss) filter (where m.predictor = 'profile') as profile,
        min(m.log_loss) filter (where m.predictor <> 'profile') as best_baseline,
        coalesce(max(m.judgements), 0) as judgements
    from measured as m
)
select
    f.judgements < 2000 or f.profile < f.best_baseline as passed,
    case
        when f.judgements < 2000 then f.judgements || ' judgements were held out, too few: nothing to judge yet'
        else 'log-loss ' || round(f.profile::numeric, 4) || ' against ' || round(f.best_baseline::numeric, 4) || ' of the best baseline'
    end as says,
    f.judgements as judgements,
    f.profile as profile,
    f.best_baseline as best_baseline
from found as f
