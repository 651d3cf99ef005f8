-- One row per month, currency and network: the commission of the month's sales, frozen once the month is closed, and what is booked in it for earlier ones.
-- kind: whole
-- grain: month, currency, affiliate_network
-- reads: sale_day
-- owner: team:finance
-- headline: closed, open, adjustments

-- A month is that of the sale (commission_daily), in the reporting zone. `aclue revenue close MONTH` freezes it: what changes of it later (a late sale,
-- a corrected amount, a reversal) is booked as an adjustment in the first month that is not closed, so that a reported figure never moves. Months close
-- in order; a month before the last closed one that had no commission counts as closed.
-- closed + open + adjustments over all rows = the commission of all clicks, whatever their verdict, to the penny. Commission of sales without a date
-- stands in rows without a month, which are never closed.
with live as (
    select
        date_trunc('month', d.day)::date as month,
        d.currency as currency,
        d.affiliate_network as affiliate_network,
        coalesce(sum(d.actual_commission), 0) as commission
    from analytics.commission_daily as d
    group by 1, 2, 3
    union all
    select
        null::date as month,
        f.currency as currency,
        f.affiliate_network as affiliate_network,
        sum(f.actual_commission) as commission
    from staging.click_facts as f
    where f.converted_at is null and f.actual_commission is not null
    group by f.currency, f.affiliate_network
),
last_closed as (
    select max(c.month) as month from pipeline.closings as c where c.reopened_at is null
),
moved as (
    select t.currency as currency, t.affiliate_network as affiliate_network, sum(t.commission) as commission
    from (
        select l.currency as currency, l.affiliate_network as affiliate_network, l.commission as commission
        from live as l, last_closed as c
        where l.month <= c.month
        union all
        select m.currency as currency, m.affiliate_network as affiliate_network, -(m.commission + m.adjustments) as commission
        from pipeline.closed_months as m
    ) as t
    group by t.currency, t.affiliate_network
    having sum(t.commission) <> 0
),
together as (
    select
        m.month as month,
        m.currency as currency,
        m.affiliate_network as affiliate_network,
        m.commission as closed,
        null::numeric as open,
        m.adjustments as adjustments
    from pipeline.closed_months as m
    union all
    select
        l.month as month,
        l.currency as currency,
        l.affiliate_network as affiliate_network,
        null::numeric as closed,
        l.commission as open,
        0::numeric as adjustments
    from live as l, last_closed as c
    where l.month is null or c.month is null or l.month > c.month
    union all
    select
        (c.month + interval '1 month')::date as month,
        o.currency as currency,
        o.affiliate_network as affiliate_network,
        null::numeric as closed,
        0::numeric as open,
        o.commission as adjustments
    from moved as o, last_closed as c
)
select
    t.month as month, -- First day of the calendar month of the sales; NULL: sales without a date.
    t.currency as currency, -- Currency of all amounts of the row (ISO 4217); '(not set)' where the product had none.
    t.affiliate_network as affiliate_network, -- Network that pays; '(not set)' where not recorded.
    sum(t.closed)::numeric as closed, -- Commission of the month as it was when it was closed, in currency; NULL: the month is open. Additive.
    sum(t.open)::numeric as open, -- Commission of the month to now, in currency, while it is open; NULL: it is closed. Additive.
    sum(t.adjustments)::numeric as adjustments -- What changed of earlier months after they were closed and is booked in this one, in currency; 0: nothing. Additive.
from together as t
group by t.month, t.currency, t.affiliate_network

-- query: what each month is reported as, and whether that may still move
--   select m.month, m.currency, sum(m.closed) as closed, sum(m.open) as open, sum(m.adjustments) as adjustments,
--       coalesce(sum(m.closed), 0) + coalesce(sum(m.open), 0) + sum(m.adjustments) as reported
--   from analytics.commission_monthly as m
--   group by 1, 2
--   order by 1, 2
-- query: what was booked for months that were closed before, and why
--   select r.cell ->> 'month' as booked_in, r.cell ->> 'currency' as currency, r.at, r.causes, sum(coalesce(r.after, 0) - coalesce(r.before, 0)) as amount
--   from analytics.restatements as r
--   where r.table_name = 'analytics.commission_monthly' and r.column_name = 'adjustments'
--   group by 1, 2, 3, 4
--   order by 3, 1, 2
