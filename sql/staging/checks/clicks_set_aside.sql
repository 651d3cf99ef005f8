-- How many clicks of the last 35 days were set aside, and why; it warns where the repeated ones are more than one in ten, or the machines' more than one in two.
-- asset: staging.clicks
-- severity: warn
-- remedy: look at user_agent and click_timestamp in public.affiliate_clicks: a client that sends everything twice, or a new crawler
with judged as (
    select
        count(*) as clicks,
        count(*) filter (where c.verdict = 'valid') as valid,
        count(*) filter (where c.verdict = 'duplicate') as duplicate,
        count(*) filter (where c.verdict = 'bot') as bot,
        (select count(*) from staging.clicks as u where u.click_timestamp is null) as no_date
    from staging.clicks as c
    where c.click_timestamp >= now() - 35 * interval '24 hours'
)
select
    j.duplicate <= 0.1 * j.clicks and j.bot <= 0.5 * j.clicks as passed,
    format('%s of %s clicks set aside: %s repeated, %s by machines; %s without a date', j.duplicate + j.bot, j.clicks, j.duplicate, j.bot, j.no_date) as says,
    j.clicks as clicks,
    j.valid as valid,
    j.duplicate as duplicate,
    j.bot as bot,
    j.no_date as no_date
from judged as j
