-- One row per line of an imported network report: what the network says it pays for a sale, or why the line was not taken.
-- kind: python
-- owner: team:finance

-- Sum over the rows that count (`counts`): a line that a later report tells of again counts once, as that report has it. Awin's transactions and CJ's
-- commissions are known by their numbers; a correction of CJ's has a number of its own and is a negative line beside the first one. Amazon's lines have
-- none: they are known by all that they say, and by how many times the report says so.
-- Which report is the latest: the one that was imported last. `aclue revenue undo NUMBER` takes an import back as if it had never been made.
-- Whose sale a line is, commission_reconciliation says. Order numbers are kept as keyed hash; of a rejected line nothing is kept but its number.
create table analytics.network_reports (
    import bigint not null,                 -- Number of the import (pipeline.network_imports).
    line bigint not null,                   -- Line of the file on which it begins, the first being 1.
    affiliate_network text not null,        -- Network whose report it is, as clicks name it.
    rejection text,                         -- Why the line was not taken, all that follows being NULL then; NULL: it was taken.
    counts boolean not null,                -- Whether it is the latest that was reported of the same thing; false for rejected lines.
    line_key bytea,                         -- What it is known by in other reports, as hash.
    sold_at timestamptz,                    -- When the sale was made (Amazon: shipped); NULL: the report names a day only, or rejected.
    sold_on date,                           -- Day of the sale: as the report names it, else in the reporting zone as it was set at the import.
    status text,                            -- open: not settled yet; approved; declined.
    currency text,                          -- Currency of its amounts (ISO 4217).
    commission numeric,                     -- Amount as the line has it, in currency; negative in a correction or a return. Not additive: see counts.
    reported_commission numeric,            -- What it is worth, in currency: 0 once declined, else commission. Not additive: see counts.
    sale_amount numeric,                    -- Amount of the sale itself, in currency; NULL where the report does not say. Not additive: see counts.
    order_key bytea,                        -- Keyed hash of the order number, as in staging.click_facts; NULL: none.
    click_id uuid,                          -- The click that the line names as its origin; NULL: none, or it names something else.
    primary key (import, line)
);
create index network_reports_line_key on analytics.network_reports (line_key, import)
-- query: what each network reports as earned, by month of the sale, and how much of it is not settled yet
--   select affiliate_network, currency, date_trunc('month', sold_on)::date as month,
--       sum(reported_commission) as reported, sum(reported_commission) filter (where status = 'open') as of_it_open
--   from analytics.network_reports
--   where counts
--   group by 1, 2, 3
--   order by 1, 2, 3
-- query: why lines of reports were not taken
--   select import, affiliate_network, rejection, count(*) as lines, min(line) as first_line
--   from analytics.network_reports
--   where rejection is not null
--   group by 1, 2, 3
--   order by 1, 4 desc
