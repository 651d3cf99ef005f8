-- One row per month, currency, network and bucket of clicks or of lines: what the clicks brought beside what the network's reports say of them.
-- kind: whole
-- grain: month, currency, affiliate_network, bucket, report
-- owner: team:finance
-- reads: click_day
-- headline: clicks, report_lines

-- Every click ever seen is in exactly one row, whatever its verdict, and every line of a report that counts (network_reports): clicks, expected and actual
-- add up to the clicks', report_lines and reported to the lines'.
-- Which clock: the click's. A line stands in the month of the click whose sale it reports, in the reporting zone; a line without one in that of its sale.
-- Bucket: what the app holds of a click, the first of these that fits:
--   inconsistent       It is not marked as converted, and yet has an order number, a time of sale or an amount.
--   not converted      No sale was reported for it.
--   no actual yet      Converted; no amount has been reported.
--   actual 0           Declined or reversed: nothing, where something was expected or nobody estimated.
--   expected missing   There is an amount, and no estimate to compare it with.
--   actual = expected, actual < expected, actual > expected   Both are known; equal means within a cent.
-- Lines without a click: their bucket says why they have none:
--   only in report     It names an order or a click of ours that no click has.
--   report without order   It names neither (Amazon's never do): such lines can be compared by month only.
--   report in another currency   Its click is held in another currency, so that its amounts compare with nothing.
-- Report: what the network's reports say of a click:
--   in no report       No line that counts reports it.
--   reported first     A line does, and the app holds no amount of it yet.
--   as reported, reported otherwise   The app's amount is what the lines add up to, within a cent, or it is not.
--   only in report     The row is one of lines without a click.
-- A line meets the clicks of its network and order number, else the click it names. Clicks of one order are compared together, and the lines stand with
-- the first of them that converted.
with lines as (
    select
        r.import as import,
        r.line as line,
        r.affiliate_network as affiliate_network,
        r.currency as currency,
        r.status as status,
        r.reported_commission as reported,
        r.order_key as order_key,
        r.click_id as click_id,
        coalesce(analytics.local_day(r.sold_at, :timezone), r.sold_on) as day
    from analytics.network_reports as r
    where r.counts
),
met as (
    select l.import as import, l.line as line, 1 as way, l.currency = f.currency as in_currency, coalesce(f.order_key, uuid_send(f.click_id)) as sale
    from lines as l
    join staging.click_facts as f on f.order_key = l.order_key and f.affiliate_network = l.affiliate_network
    union all
    select l.import as import, l.line as line, 2 as way, l.currency = f.currency as in_currency, coalesce(f.order_key, uuid_send(f.click_id)) as sale
    from lines as l
    join staging.click_facts as f on f.click_id = l.click_id and f.affiliate_network = l.affiliate_network
),
best as (
    select distinct on (m.import, m.line) m.import as import, m.line as line, m.in_currency as in_currency, m.sale as sale
    from met as m
    order by m.import, m.line, m.in_currency desc, m.way
),
placed as (
    select l.*, b.in_currency as in_currency, b.sale as sale from lines as l left join best as b on b.import = l.import and b.line = l.line
),
sales as (
    select
        p.affiliate_network as affiliate_network,
        p.currency as currency,
        p.sale as sale,
        count(*) as report_lines,
        sum(p.reported) as reported,
        sum(p.reported) filter (where p.status = 'open') as reported_open
    from placed as p
    where p.in_currency
    group by p.affiliate_network, p.currency, p.sale
),
reported as (
    select
        f.click_id as click_id,
        s.report_lines as report_lines,
        s.reported as reported,
        s.reported_open as reported_open,
        sum(f.actual_commission) over sale as held,
        row_number() over (sale order by f.is_converted desc, f.clicked_at, f.click_id) = 1 as is_first
    from sales as s
    join staging.click_facts as f
        on coalesce(f.order_key, uuid_send(f.click_id)) = s.sale and f.affiliate_network = s.affiliate_network and f.currency = s.currency
    window sale as (partition by s.affiliate_network, s.currency, s.sale)
),
together as (
    select
        date_trunc('month', analytics.local_day(f.clicked_at, :timezone))::date as month,
        f.currency as currency,
        f.affiliate_network as affiliate_network,
        case
            when not f.is_converted
                then case when num_nonnulls(f.order_key, f.converted_at, f.actual_commission) > 0 then 'inconsistent' else 'not converted' end
            when f.actual_commission is null then 'no actual yet'
            when f.actual_commission = 0 and f.expected_commission is distinct from 0 then 'actual 0'
            when f.expected_commission is null then 'expected missing'
            when abs(f.actual_commission - f.expected_commission) <= 0.01 then 'actual = expected'
            when f.actual_commission < f.expected_commission then 'actual < expected'
            else 'actual > expected'
        end as bucket,
        case
            when r.click_id is null then 'in no report'
            when r.held is null then 'reported first'
            when abs(r.held - r.reported) <= 0.01 then 'as reported'
            else 'reported otherwise'
        end as report,
        1 as clicks,
        f.expected_commission as expected,
        f.actual_commission as actual,
        case when r.is_first then r.report_lines else 0 end as report_lines,
        case when r.is_first then r.reported end as reported,
        case when r.is_first then r.reported_open end as reported_open
    from staging.click_facts as f
    left join reported as r on r.click_id = f.click_id
    union all
    select
        date_trunc('month', p.day)::date as month,
        p.currency as currency,
        p.affiliate_network as affiliate_network,
        case
            when p.sale is not null then 'report in another currency'
            when num_nonnulls(p.order_key, p.click_id) > 0 then 'only in report'
            else 'report without order'
        end as bucket,
        'only in report' as report,
        0 as clicks,
        null::numeric as expected,
        null::numeric as actual,
        1 as report_lines,
        p.reported as reported,
        case when p.status = 'open' then p.reported end as reported_open
    from placed as p
    where p.in_currency is not true
)
select
    t.month as month, -- First day of the calendar month of the click, of a line without one that of its sale; NULL: clicks without a date.
    t.currency as currency, -- Currency of all amounts of the row (ISO 4217); '(not set)' where the product had none.
    t.affiliate_network as affiliate_network, -- Network that pays; '(not set)' where not recorded.
    t.bucket as bucket, -- What the app holds of the clicks, or why lines have no click, by the rules above.
    t.report as report, -- What reports say of the clicks, by the rules above.
    sum(t.clicks)::bigint as clicks, -- Clicks of the row, whatever their verdict. Additive.
    sum(t.report_lines)::bigint as report_lines, -- Lines of reports that count and stand with them. Additive.
    sum(t.expected)::numeric as expected_commission, -- Sum that was expected of the clicks if they led to a sale, in currency; NULL where none was
                                                     -- estimated. Additive within a currency.
    sum(t.actual)::numeric as actual_commission, -- Sum that the app holds as paid for the clicks, in currency; NULL where it holds none, which is not 0.
                                                 -- Additive within a currency.
    sum(t.reported)::numeric as reported_commission, -- Sum that the lines report, declined ones as 0, in currency; NULL where no line stands here. Additive
                                                     -- within a currency.
    sum(t.reported_open)::numeric as reported_open -- Of that sum what the network has not settled yet, in currency; NULL: nothing. Additive within a
                                                   -- currency.
from together as t
group by t.month, t.currency, t.affiliate_network, t.bucket, t.report
-- query: what we hold as earned beside what the networks report, by month
--   select month, currency, affiliate_network, sum(actual_commission) as held,
--       sum(actual_commission) filter (where report <> 'in no report') as held_of_reported, sum(reported_commission) as reported,
--       sum(reported_commission) filter (where report = 'only in report') as reported_without_click
--   from analytics.commission_reconciliation
--   group by 1, 2, 3
--   order by 1, 2, 3
-- query: which sales differ from the reports, or are missing on either side
--   select month, affiliate_network, currency, bucket, report, clicks, report_lines, actual_commission, reported_commission
--   from analytics.commission_reconciliation
--   where report in ('reported otherwise', 'reported first', 'only in report')
--       or report = 'in no report' and bucket not in ('not converted', 'inconsistent')
--   order by 1, 2, 3, 4, 5
-- query: what each network reports beside what was earned, by month of the sale (for reports without orders, such as Amazon's)
--   select t.affiliate_network, t.currency, t.month, sum(t.earned) as earned, sum(t.reported) as reported
--   from (
--       select d.affiliate_network, d.currency, date_trunc('month', d.day)::date as month, d.actual_commission as earned, null::numeric as reported
--       from analytics.commission_daily as d
--       union all
--       select r.affiliate_network, r.currency, date_trunc('month', r.sold_on)::date, null, r.reported_commission
--       from analytics.network_reports as r
--       where r.counts
--   ) as t
--   group by 1, 2, 3
--   order by 1, 2, 3
