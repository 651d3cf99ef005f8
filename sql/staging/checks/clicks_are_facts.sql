-- Every click of the app is a fact, and every fact a click or known to be gone: rows = facts + those not synced yet; no other is left out.
-- asset: staging.click_facts
-- severity: error
-- remedy: aclue sync --full
with synced as (
    select max(s.synced_at) as at, max(s.synced_at) filter (where s.is_full) as full_at from pipeline.syncs as s
),
compared as (
    select
        count(c.id) as clicks,
        count(f.click_id) filter (where f.gone_at is null) as facts,
        count(f.click_id) filter (where f.gone_at is not null) as gone,
        count(*) filter (where f.click_id is null and c.updated_at >= s.at - interval '1 hour') as not_synced,
        count(*) filter (where f.click_id is null and (c.updated_at < s.at - interval '1 hour') is not false) as missing,
        count(*) filter (where c.id is null and f.gone_at is null) as not_missed_yet,
        count(*) filter (
            where c.id is not null and f.click_id is not null and c.updated_at < s.at - interval '1 hour'
                and (coalesce(analytics.amount(c.actual_commission), -1), c.is_converted is true)
                is distinct from (coalesce(f.actual_commission, -1), f.is_converted)
        ) as differing
    from public.affiliate_clicks as c
    full join staging.click_facts as f on f.click_id = c.id
    cross join synced as s
)
select
    c.missing = 0 and c.differing = 0 as passed,
    case
        when s.at is null then 'never synced'
        else format('%s clicks = %s facts - %s gone since the last full look + %s to be synced + %s missing; %s facts of clicks that are gone; %s differ', c.clicks, c.facts, c.not_missed_yet, c.not_synced, c.missing, c.gone, c.differing)
    end as says,
    c.clicks as clicks,
    c.facts as facts,
    c.gone as gone,
    c.not_missed_yet as not_missed_yet,
    c.not_synced as not_synced,
    c.missing as missing,
    c.differing as differing,
    s.at as synced_at,
    s.full_at as fully_synced_at
from compared as c, synced as s
