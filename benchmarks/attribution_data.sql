-- Facts of people who come back: at an even pace from a first instant on, as many clicks as sessions, every fortieth click a sale two hours later.
-- Parameters: tag (of their ids), first (instant), days, rows (clicks in all), people, one (true: all are one person's).
insert into staging.click_facts (
    click_id, clicked_at, person_number, currency, affiliate_network, source_page, device_type, utm_source, utm_medium, utm_campaign, verdict,
    is_converted, converted_at, expected_commission, actual_commission, counted_as_converted, counted_converted_at, counted_commission,
    first_seen_at, changed_at, rule_version
)
select
    md5(cast(:tag as text) || n)::uuid, at, case when :one then -1 else n * 7919 % :people end, 'GBP', (array['amazon', 'awin', 'commission_junction'])[1 + n % 3],
    (array['discover', 'recommendations', 'search', 'category'])[1 + n / 3 % 4], 'mobile', 'source' || n % 7, 'cpc', 'campaign' || n % 11, 'valid',
    n % 40 = 0, case when n % 40 = 0 then at + interval '2 hours' end, 0.50, case when n % 40 = 0 then 0.50 + n % 97 * 0.01 end,
    n % 40 = 0, case when n % 40 = 0 then at + interval '2 hours' end, case when n % 40 = 0 then 0.50 + n % 97 * 0.01 end, now(), now(), ''
from (select n, :first + n * :days * interval '1 day' / :rows as at from generate_series(0::bigint, :rows - 1) as n) as drawn;
insert into staging.session_facts (
    session_number, person_number, landed_at, landing_page, device_type, utm_source, utm_medium, utm_campaign, is_signed_in, is_newcomer, has_converted,
    is_machine, is_orphan, is_first_visit, first_seen_at, changed_at
)
select
    ('x' || left(md5(cast(:tag as text) || n), 15))::bit(60)::bigint, case when :one then -1 else n * 7919 % :people end, at, '/', 'mobile',
    case when n % 5 = 0 then '(not set)' else 'source' || n % 7 end, 'cpc', 'campaign' || n / 5 % 11, false, false, false, false, false, false, now(), now()
from (select n, :first + n * :days * interval '1 day' / :rows as at from generate_series(0::bigint, :rows - 1) as n) as drawn;
