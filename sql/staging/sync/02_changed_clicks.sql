-- Clicks that are new or say something else than their fact: what they say now, and what the difference is. A user, visitor or agent that
-- only became NULL is none, nor is an order number that did, nor another currency. The session stays the one it was first seen in, and is itself
-- another one only by what it is made of: a sale reported of a click moves no session.
create temporary table changed_clicks on commit drop as
select
    s.click_id,
    s.clicked_at,
    s.product_id,
    s.identity,
    s.user_id,
    s.visitor,
    s.session_id,
    s.session_key,
    coalesce(f.currency, s.currency) as currency,
    s.affiliate_network,
    s.source_page,
    s.device_type,
    s.utm_source,
    s.utm_medium,
    s.utm_campaign,
    case when f.click_id is null or (s.has_agent and f.rule_version <> :rule_version) then s.machine_pattern else f.machine_pattern end
        as machine_pattern,
    s.is_converted,
    s.converted_at,
    s.expected_commission,
    s.actual_commission,
    coalesce(sha256(k.secret || convert_to(s.order_id, 'UTF8')), f.order_key) as order_key,
    s.updated_at as source_updated_at,
    case when f.click_id is null or s.has_agent then :rule_version::text else f.rule_version end as rule_version,
    f.click_id is not null as is_known,
    f.gone_at is not null as was_gone,
    f.click_id is null
    or (s.clicked_at, s.device_type) is distinct from (f.clicked_at, f.device_type)
    or (s.user_id is not null and n.identity_number is distinct from f.identity_number)
    or (s.has_agent and f.rule_version <> :rule_version) as moves_session,
    f.identity_number as known_identity,
    f.person_number as known_person,
    f.session_number as known_session,
    case
        when f.click_id is null then 'late click'
        when s.user_id is not null and n.identity_number is distinct from f.identity_number then 'identity'
        when s.is_converted and not f.is_converted then 'late conversion'
        when f.is_converted and not s.is_converted or coalesce(s.actual_commission, 0) < coalesce(f.actual_commission, 0) then 'reversal'
        when (s.actual_commission, s.expected_commission) is distinct from (f.actual_commission, f.expected_commission) then 'amount'
        when s.has_agent and f.rule_version <> :rule_version and s.machine_pattern is distinct from f.machine_pattern then 'rule'
        else 'late click'
    end as cause
from staging.clicks as s
cross join pipeline.secrets as k
left join staging.click_facts as f on f.click_id = s.click_id
left join pipeline.person_numbers as n on n.identity = s.identity and s.user_id is not null
where k.name = 'orders'
    and (:is_full or s.updated_at >= :since)
    and (
        f.click_id is null
        or f.gone_at is not null
        or (s.user_id is not null and n.identity_number is distinct from f.identity_number)
        or (s.has_agent and f.rule_version <> :rule_version)
        or (
            s.clicked_at, s.product_id, s.affiliate_network, s.source_page, s.device_type, s.utm_source, s.utm_medium, s.utm_campaign,
            s.is_converted, s.converted_at, s.expected_commission, s.actual_commission,
            coalesce(sha256(k.secret || convert_to(s.order_id, 'UTF8')), f.order_key)
        ) is distinct from (
            f.clicked_at, f.product_id, f.affiliate_network, f.source_page, f.device_type, f.utm_source, f.utm_medium, f.utm_campaign,
            f.is_converted, f.converted_at, f.expected_commission, f.actual_commission, f.order_key
        )
    );
create unique index on changed_clicks (click_id);
analyze changed_clicks
