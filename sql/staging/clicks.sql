-- One row per row of public.affiliate_clicks, as it stands now: cleaned, with who made it and whether a machine did; not yet judged.
-- kind: view
-- grain: click_id
-- owner: team:data

-- Read by the sync alone: what a click is taken for is a fact of staging.click_facts, which outlives this row.
-- Patterns are tried only where machine_pattern is asked for: of a click that it has judged by the same rules, the sync does not ask.
-- A user agent that was erased ('erased', 'erased bot') still says which of the two it was.
select
    c.id as click_id, -- The click's id in public.affiliate_clicks.
    analytics.usable(c.click_timestamp) as clicked_at, -- When it was made; NULL: never recorded, or at a time that cannot be.
    c.product_id as product_id, -- Product whose link it was; NULL: a link that belongs to no product.
    analytics.person(c.user_id, c.anonymous_id, c.session_id) as identity, -- Who made it, as the row says: user, else visitor, else session. [pii]
    c.user_id as user_id, -- User who was signed in; NULL: an anonymous visitor, or an account deleted since. [pii]
    nullif(c.anonymous_id, '') as visitor, -- The visitor by the browser's own identity; NULL: none. [pii]
    c.session_id as session_id, -- Browser session, as in staging.sessions if that was recorded. [pii]
    analytics.session_key(c.session_id) as session_key, -- The session's key, as pipeline.session_numbers has it. [pii]
    analytics.dimension(upper(btrim(p.currency))) as currency, -- Currency of its amounts, the product's of today (ISO 4217); '(not set)' where it has none.
    analytics.dimension(c.affiliate_network) as affiliate_network, -- Network that pays; '(not set)' where not recorded.
    analytics.dimension(c.source_page) as source_page, -- Page of the app it was made on; '(not set)' where not recorded.
    analytics.dimension(c.device_type) as device_type, -- Kind of device; '(not set)' where not recorded.
    analytics.dimension(c.utm_source) as utm_source, -- Campaign source of the visit; '(not set)' where none.
    analytics.dimension(c.utm_medium) as utm_medium, -- Campaign medium of the visit; '(not set)' where none.
    analytics.dimension(c.utm_campaign) as utm_campaign, -- Campaign of the visit; '(not set)' where none.
    c.user_agent is not null and c.user_agent not like 'erased%' as has_agent, -- Whether it still holds what tells a machine.
    case
        when c.user_agent = 'erased bot' then 'erased bot'
        else (
            select case when t.kind <> 'person' then t.pattern end
            from staging.machine_patterns as t
            where lower(left(c.user_agent, 1000)) ~ t.pattern
            order by t.place
            limit 1
        )
    end as machine_pattern, -- Pattern by which its user agent is a machine's; NULL: a person's.
    c.is_converted is true as is_converted, -- Whether the network reported a sale; not known counts as no.
    analytics.usable(c.conversion_timestamp) as converted_at, -- When the sale happened; NULL: none reported, or without a time that can be.
    analytics.amount(c.expected_commission) as expected_commission, -- Amount it would earn if it led to a sale; NULL: not estimated, which is not 0.
    analytics.amount(c.actual_commission) as actual_commission, -- Amount the network reported; 0 after a reversal; NULL: not reported, which is not 0.
    nullif(c.order_id, '') as order_id, -- The network's order number; NULL: none reported, an order of its own. [pii]
    c.updated_at as updated_at -- When the row last changed; NULL: loaded without it.
from public.affiliate_clicks as c
left join public.products as p on p.id = c.product_id
