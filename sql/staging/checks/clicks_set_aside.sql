-- Few of the clicks of the last 30 days are repeats or machines'; it warns above 10 % and 50 %. Says which pattern knew how many machines.
-- asset: staging.click_facts
-- severity: warn
-- remedy: look at user_agent and click_timestamp in public.affiliate_clicks: a client that sends everything twice, or a new crawler
with judged as (
    select
        count(*) as clicks,
        count(*) filter (where f.verdict = 'valid') as valid,
        count(*) filter (where f.verdict = 'repeat') as repeats,
        count(*) filter (where f.verdict = 'machine') as machines,
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
    j.repeats <= 0.1 * j.clicks and j.machines <= 0.5 * j.clicks as passed,
    format('%s of %s clicks set aside: %s repeated, %s by machines; %s without a date', j.repeats + j.machines, j.clicks, j.repeats, j.machines, j.no_date) as says,
    j.clicks as clicks,
    j.valid as valid,
    j.repeats as repeats,
    j.machines as machines,
    j.no_date as no_date,
    p.counts as machines_by_pattern
from judged as j, patterns as p
