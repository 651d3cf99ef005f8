-- Buckets add up to every click and every line of a report that counts, to the penny on both sides.
-- asset: analytics.commission_reconciliation
-- severity: error
-- remedy: aclue revenue rebuild # if it stays, somebody wrote to analytics.network_reports
with published as (
    select coalesce(max(p.at), 'infinity') as at from pipeline.publications as p where p.table_name = 'analytics.commission_reconciliation'
),
buckets as (
    select
        coalesce(sum(r.clicks), 0) as clicks,
        coalesce(sum(r.report_lines), 0) as report_lines,
        coalesce(sum(r.expected_commission), 0) as expected,
        coalesce(sum(r.actual_commission), 0) as actual,
        coalesce(sum(r.reported_commission), 0) as reported
    from analytics.commission_reconciliation as r
),
held as (
    select
        count(*) as clicks,
        coalesce(sum(f.expected_commission), 0) as expected,
        coalesce(sum(f.actual_commission), 0) as actual,
        -- What a sync took in since waits for the end of the rebuild.
        exists (select from pipeline.syncs as s, published as p where s.clicks > 0 and s.synced_at > p.at and s.synced_at >= now() - interval '1 day')
            as is_new
    from staging.click_facts as f
),
counted as (
    select count(*) as report_lines, coalesce(sum(n.reported_commission), 0) as reported from analytics.network_reports as n where n.counts
),
-- An import changes lines and buckets in one transaction: these never wait.
imports as (
    select count(*) as differ
    from pipeline.network_imports as i
    left join (
        select n.import, count(*) as lines, count(n.rejection) as rejected from analytics.network_reports as n group by n.import
    ) as n on n.import = i.import
    where case when i.undone_at is null then (i.lines, i.rejected) is distinct from (coalesce(n.lines, 0), coalesce(n.rejected, 0)) else n.import is not null end
)
select
    ((b.clicks, b.expected, b.actual) = (h.clicks, h.expected, h.actual) or h.is_new)
    and (b.report_lines, b.reported) = (c.report_lines, c.reported)
    and i.differ = 0
        as passed,
    format(
        '%s clicks in buckets, %s seen; actual %s, held %s; %s lines, %s counted; reported %s, counted %s',
        b.clicks, h.clicks, b.actual, h.actual, b.report_lines, c.report_lines, b.reported, c.reported
    ) as says,
    b.clicks as clicks_in_buckets,
    h.clicks as clicks,
    b.expected - h.expected as expected_differs,
    b.actual - h.actual as actual_differs,
    b.report_lines as lines_in_buckets,
    c.report_lines as report_lines,
    b.reported - c.reported as reported_differs,
    i.differ as imports_that_differ
from buckets as b, held as h, counted as c, imports as i
