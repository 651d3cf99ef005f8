-- Few of the clicks of the last 30 days are repeats or machines'; it warns above 10 % and 50 %. Says which pattern knew how many machines.
-- asset: staging.click_facts
-- severity: warn
-- remedy: look at user_agent and click_timestamp in public.affiliate_clicks: a client that sends everything twice, or a new crawler
with judged as (
    select
        count(*) as clicks,
        count(*) filter (where f.verdict = 'valid') as valid,
        count(*) filter (where f.verdict = 'repeat') as repeat,
        count(*) filter (where f.verdict = 'machine') as machine,
        (select count(*) from staging.click_facts as u where u.verdict = 'no_date') as no_date
    from staging.click_facts as f
    where f.clicked_at >= now() - interval '30 days'
),
patterns as (
    select coalesce(jsonb_object_agg(p.pattern, p.clicks), '{}') as counts
    from (
        select f.machine_pattern as pattern, count(*) as clicks
        from staging.click_facts as f
        where f.machine_pattern is not null and f.clicked_at >= now() - interval '30 days'
        group by f.machine_pattern
    ) as p
)
select
    j.repeat <= 0.1 * j.clicks and j.machine <= 0.5 * j.clicks as passed,
    format(
        '%s of %s clicks of the last 30 days set aside by their verdict: %s repeat, %s machine; of all clicks %s no_date',
        j.repeat + j.machine, j.clicks, j.repeat, j.machine, j.no_date
    ) as says,
    j.clicks as clicks,
    j.valid as valid,
    j.repeat as repeat,
    j.machine as machine,
    j.no_date as no_date,
    p.counts as machine_by_pattern
from judged as j, patterns as p
