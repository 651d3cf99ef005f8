-- One row per affiliate click ever seen, judged once and kept: what it is taken for, whose it was by number, and what it brought.
-- kind: facts
-- owner: team:data
-- lineage:
--   click_id: staging.clicks click_id;
--   clicked_at: staging.clicks clicked_at;
--   product_id: staging.clicks product_id;
--   currency: staging.clicks currency;
--   affiliate_network: staging.clicks affiliate_network;
--   source_page: staging.clicks source_page;
--   device_type: staging.clicks device_type;
--   utm_source: staging.clicks utm_source;
--   utm_medium: staging.clicks utm_medium;
--   utm_campaign: staging.clicks utm_campaign;
--   machine_pattern: staging.clicks machine_pattern;
--   is_converted: staging.clicks is_converted;
--   converted_at: staging.clicks converted_at;
--   expected_commission: staging.clicks expected_commission;
--   actual_commission: staging.clicks actual_commission;
--   identity_number: pipeline.person_numbers identity_number | pipeline.person_numbers identity, staging.clicks identity user_id;
--   person_number: pipeline.person_numbers person_number | pipeline.person_numbers identity, staging.clicks identity user_id;
--   session_number: pipeline.session_numbers session_number | pipeline.session_numbers session_key, staging.clicks session_key;
--   verdict: staging.clicks clicked_at machine_pattern product_id identity | staging.clicks user_id, pipeline.person_numbers identity person_number;
--   kept_click_id: staging.clicks click_id | staging.clicks clicked_at machine_pattern product_id identity user_id, pipeline.person_numbers identity person_number;
--   order_key: staging.clicks order_id, pipeline.secrets secret;
--   counted_as_converted: staging.clicks is_converted | staging.clicks clicked_at machine_pattern product_id identity user_id, pipeline.person_numbers identity person_number;
--   counted_converted_at: staging.clicks converted_at | staging.clicks clicked_at machine_pattern product_id identity user_id is_converted, pipeline.person_numbers identity person_number;
--   counted_commission: staging.clicks actual_commission | staging.clicks clicked_at machine_pattern product_id identity user_id, pipeline.person_numbers identity person_number;
--   reported_at: staging.clicks is_converted;
--   source_updated_at: staging.clicks updated_at;
--   gone_at: | public.affiliate_clicks id, staging.clicks click_id;
--   first_seen_at, changed_at, rule_version:

-- Kept whatever becomes of its row in public.affiliate_clicks, so that a deleted product or account moves no number; no user, address or agent is kept.
-- The verdict is exactly one of four, judged in this order:
--   no_date   No click time, or one that cannot be (infinite, before 2000, from 2100 on): it belongs to no day.
--   machine   The user agent fits one of staging.machine_patterns. None given: taken for a person.
--   repeat    The same person clicked the same product at most 2 seconds after a click that was kept. Of clicks at 0, 1.5 and 3 seconds the second
--             repeats the first; the third follows the first, which was kept, by more than 2 and is kept. At the same instant the smaller id comes first.
--             Machines' clicks repeat nothing and are repeated by nothing, nor are clicks on no product.
--   valid     All others.
-- A kept click inherits what was reported for its repeats (the counted_ columns): a sale is not lost because a finger trembled.
-- Whether it was a machine's, and whose it was, stays as first judged: a user agent or an account that is erased changes nothing. A sign-in gives the
-- visitor's earlier clicks the user's number. The currency is the product's when the click was first seen.
create table staging.click_facts (
    click_id uuid primary key,              -- The click's id in public.affiliate_clicks, where its row may be gone.
    clicked_at timestamptz,                 -- When it was made; NULL: never recorded, or at a time that cannot be (verdict no_date).
    product_id uuid,                        -- Product whose link it was, which may be gone; NULL: a link that belongs to no product.
    identity_number bigint,                 -- Number of whom its row named: user, else visitor, else session, as in pipeline.person_numbers; NULL: nobody.
    person_number bigint,                   -- Number of the person: the user's, once the visitor is known to be one; NULL: nobody is named.
    session_number bigint,                  -- Number of the browser session, as in staging.session_facts.
    currency text not null,                 -- Currency of its amounts (ISO 4217), the product's when the click was first seen; '(not set)' where it had none.
    affiliate_network text not null,        -- Network that pays; '(not set)' where not recorded.
    source_page text not null,              -- Page of the app it was made on; '(not set)' where not recorded.
    device_type text not null,              -- Kind of device; '(not set)' where not recorded.
    utm_source text not null,               -- Campaign source of the visit; '(not set)' where none.
    utm_medium text not null,               -- Campaign medium of the visit; '(not set)' where none.
    utm_campaign text not null,             -- Campaign of the visit; '(not set)' where none.
    machine_pattern text,                   -- Pattern of staging.machine_patterns by which it is a machine's; NULL: a person's.
    verdict text not null,                  -- valid, repeat, machine or no_date, by the rules above.
    kept_click_id uuid,                     -- Of a repeat: the click that it repeats, which was kept; NULL: it repeats none.
    is_converted boolean not null,          -- Whether the network reported a sale for this very click; not known counts as no.
    converted_at timestamptz,               -- When that sale happened; NULL: none reported, or without its time.
    expected_commission numeric,            -- Amount it would earn if it led to a sale, in currency; NULL: not estimated, which is not 0.
    actual_commission numeric,              -- Amount reported for this very click, in currency; 0 after a reversal; NULL: not reported.
    order_key bytea,                        -- Keyed hash of the network's order number; NULL: none reported, an order of its own.
    counted_as_converted boolean not null,  -- Of a valid click: whether a sale was reported for it or for one of its repeats; false for others.
    counted_converted_at timestamptz,       -- Of a valid click: the earliest time of these sales; NULL: none with a time.
    counted_commission numeric,             -- Of a valid click: sum reported for it and its repeats, in currency; NULL: none reported, or not valid.
    reported_at timestamptz,                -- When the sync first saw its sale, of a click that it had seen without; NULL: there is none, or it came
                                            -- with the click, or was seen by a release that did not note when.
    first_seen_at timestamptz not null,     -- When the sync first saw it.
    changed_at timestamptz not null,        -- When anything above last changed.
    gone_at timestamptz,                    -- When its row was first missed in public.affiliate_clicks; NULL: it is there.
    source_updated_at timestamptz,          -- updated_at of its row when last read; NULL: loaded without it.
    rule_version text not null              -- Version of the rules by which it was last judged.
);
create index click_facts_clicked on staging.click_facts (clicked_at);
create index click_facts_converted on staging.click_facts (converted_at) where converted_at is not null;
create index click_facts_person on staging.click_facts (person_number, product_id);
create index click_facts_touches on staging.click_facts (person_number, clicked_at) where verdict = 'valid';
create index click_facts_identity on staging.click_facts (identity_number);
create index click_facts_session on staging.click_facts (session_number, product_id)
