-- What the changed clicks, and those of renumbered visitors, are now; then everything of the same person on the same product is judged again.
create temporary table images on commit drop as
select
    c.click_id, c.clicked_at, c.product_id,
    coalesce(n.identity_number, c.known_identity) as identity_number,
    coalesce(n.person_number, c.known_person) as person_number,
    coalesce(c.known_session, s.session_number) as session_number,
    c.currency, c.affiliate_network, c.source_page, c.device_type, c.utm_source, c.utm_medium, c.utm_campaign, c.machine_pattern,
    c.is_converted, c.converted_at, c.expected_commission, c.actual_commission, c.order_key,
    c.source_updated_at, c.rule_version, c.is_known, c.cause
from changed_clicks as c
left join pipeline.person_numbers as k on k.identity = c.identity and (not c.is_known or c.user_id is not null)
left join pipeline.person_numbers as n on n.identity_number = coalesce(k.identity_number, c.known_identity)
left join pipeline.session_numbers as s on s.session_key = c.session_key
union all
select
    f.click_id, f.clicked_at, f.product_id, f.identity_number, r.person_number, f.session_number,
    f.currency, f.affiliate_network, f.source_page, f.device_type, f.utm_source, f.utm_medium, f.utm_campaign, f.machine_pattern,
    f.is_converted, f.converted_at, f.expected_commission, f.actual_commission, f.order_key,
    f.source_updated_at, f.rule_version, true, 'identity'
from renumbered as r
join staging.click_facts as f on f.identity_number = r.identity_number
where not exists (select from changed_clicks as c where c.click_id = f.click_id);
create unique index on images (click_id);
analyze images;

create temporary table families on commit drop as
select t.person_number, t.product_id, min(t.cause) as cause
from (
    select i.person_number, i.product_id, i.cause from images as i
    union all
    select f.person_number, f.product_id, i.cause from images as i join staging.click_facts as f on f.click_id = i.click_id where i.is_known
) as t
where t.person_number is not null and t.product_id is not null
group by t.person_number, t.product_id;
analyze families;

create temporary table judged on commit drop as
with involved as (
    select i.*, i.cause as why from images as i
    union all
    select
        f.click_id, f.clicked_at, f.product_id, f.identity_number, f.person_number, f.session_number,
        f.currency, f.affiliate_network, f.source_page, f.device_type, f.utm_source, f.utm_medium, f.utm_campaign, f.machine_pattern,
        f.is_converted, f.converted_at, f.expected_commission, f.actual_commission, f.order_key,
        f.source_updated_at, f.rule_version, true, null, g.cause
    from families as g
    join staging.click_facts as f on f.person_number = g.person_number and f.product_id = g.product_id
    where not exists (select from images as i where i.click_id = f.click_id)
),
walked as (
    select
        v.click_id,
        v.person_number,
        v.product_id,
        v.clicked_at,
        analytics.kept_at(v.clicked_at) over (partition by v.person_number, v.product_id order by v.clicked_at, v.click_id) as kept_at
    from involved as v
    where v.clicked_at is not null and v.machine_pattern is null and v.person_number is not null and v.product_id is not null
),
kept as (
    select w.click_id, first_value(w.click_id) over (partition by w.person_number, w.product_id, w.kept_at order by w.clicked_at, w.click_id) as kept_id
    from walked as w
),
verdicts as (
    select
        v.*,
        case
            when v.clicked_at is null then 'no_date'
            when v.machine_pattern is not null then 'machine'
            when k.kept_id <> v.click_id then 'repeat'
            else 'valid'
        end as verdict,
        coalesce(k.kept_id, v.click_id) as kept_id
    from involved as v
    left join kept as k on k.click_id = v.click_id
)
select
    v.*,
    case when v.verdict = 'repeat' then v.kept_id end as kept_click_id,
    v.verdict = 'valid' and bool_or(v.is_converted) over family as counted_as_converted,
    case when v.verdict = 'valid' then min(v.converted_at) filter (where v.is_converted) over family end as counted_converted_at,
    case when v.verdict = 'valid' then sum(v.actual_commission) over family end as counted_commission,
    case
        when v.verdict = 'repeat' and not v.is_known then first_value(v.currency) over (partition by v.kept_id order by v.clicked_at, v.click_id)
        else v.currency
    end as frozen_currency
from verdicts as v
window family as (partition by v.kept_id);

create temporary table click_changes on commit drop as
select
    j.*,
    f.click_id is null
    or (
        j.clicked_at, j.product_id, j.person_number, j.session_number, j.frozen_currency, j.affiliate_network, j.source_page, j.device_type,
        j.utm_source, j.utm_medium, j.utm_campaign, j.verdict, j.kept_click_id, j.is_converted, j.converted_at,
        j.expected_commission, j.actual_commission, j.order_key, j.counted_as_converted, j.counted_converted_at, j.counted_commission
    ) is distinct from (
        f.clicked_at, f.product_id, f.person_number, f.session_number, f.currency, f.affiliate_network, f.source_page, f.device_type,
        f.utm_source, f.utm_medium, f.utm_campaign, f.verdict, f.kept_click_id, f.is_converted, f.converted_at,
        f.expected_commission, f.actual_commission, f.order_key, f.counted_as_converted, f.counted_converted_at, f.counted_commission
    ) as is_published,
    f as before
from judged as j
left join staging.click_facts as f on f.click_id = j.click_id;

insert into staging.click_facts as f (
    click_id, clicked_at, product_id, identity_number, person_number, session_number, currency, affiliate_network, source_page, device_type,
    utm_source, utm_medium, utm_campaign, machine_pattern, verdict, kept_click_id, is_converted, converted_at, expected_commission,
    actual_commission, order_key, counted_as_converted, counted_converted_at, counted_commission, reported_at, first_seen_at, changed_at,
    source_updated_at, rule_version
)
select
    c.click_id, c.clicked_at, c.product_id, c.identity_number, c.person_number, c.session_number, c.frozen_currency, c.affiliate_network,
    c.source_page, c.device_type, c.utm_source, c.utm_medium, c.utm_campaign, c.machine_pattern, c.verdict, c.kept_click_id, c.is_converted,
    c.converted_at, c.expected_commission, c.actual_commission, c.order_key, c.counted_as_converted, c.counted_converted_at,
    c.counted_commission,
    coalesce((c.before).reported_at, case when c.is_converted and not (c.before).is_converted then :synced_at::timestamptz end),
    :synced_at, :synced_at, c.source_updated_at, c.rule_version
from click_changes as c
where c.is_published or c.cause is not null
order by c.clicked_at -- A day's rows lie together, however much is loaded at once.
on conflict (click_id) do update set (
    clicked_at, product_id, identity_number, person_number, session_number, currency, affiliate_network, source_page, device_type,
    utm_source, utm_medium, utm_campaign, machine_pattern, verdict, kept_click_id, is_converted, converted_at, expected_commission,
    actual_commission, order_key, counted_as_converted, counted_converted_at, counted_commission, reported_at, changed_at, source_updated_at,
    rule_version
) = (
    excluded.clicked_at, excluded.product_id, excluded.identity_number, excluded.person_number, excluded.session_number, excluded.currency,
    excluded.affiliate_network, excluded.source_page, excluded.device_type, excluded.utm_source, excluded.utm_medium, excluded.utm_campaign,
    excluded.machine_pattern, excluded.verdict, excluded.kept_click_id, excluded.is_converted, excluded.converted_at,
    excluded.expected_commission, excluded.actual_commission, excluded.order_key, excluded.counted_as_converted,
    excluded.counted_converted_at, excluded.counted_commission, excluded.reported_at, excluded.changed_at,
    excluded.source_updated_at, excluded.rule_version
)
