-- A year of sessions as facts and published steps, at an even pace, of people who come three times each; a click in one of ten, of which one in fifty sold.
-- Parameters: first (its first instant), sessions.
insert into staging.session_facts (session_number, identity_number, person_number, landed_at, started_at, active_until, landing_page, device_type, utm_source,
    utm_medium, utm_campaign, is_signed_in, is_newcomer, has_converted, is_machine, is_orphan, is_first_visit, first_seen_at, changed_at)
select n, n * 7919 % (:sessions / 3), n * 7919 % (:sessions / 3), at, at, at + interval '20 minutes', '/page' || n % 20, (array['mobile', 'tablet', 'desktop'])[1 + n % 3],
    'source' || n % 7, 'cpc', 'campaign' || n % 11, n % 4 = 0, n % 4 > 0, false, false, false, n % 3 = 0, at, at
from (select n, :first + n * interval '1 year' / :sessions as at from generate_series(0::bigint, :sessions - 1) as n) as drawn;
insert into analytics.session_steps (day, session_number, path, device_type, landing_page, utm_source, utm_medium, utm_campaign, is_first_visit, is_machine,
    is_orphan, step_1_at, step_2_at, step_3_at, step_4_at, any_click, any_conversion)
select analytics.local_day(s.landed_at, 'Europe/London'), s.session_number, 'all', s.device_type, s.landing_page, s.utm_source, s.utm_medium, s.utm_campaign,
    s.is_first_visit, s.is_machine, s.is_orphan, s.landed_at, case when s.session_number % 2 = 0 then s.landed_at + interval '30 seconds' end,
    case when s.session_number % 10 = 0 then s.landed_at + interval '1 minute' end,
    case when s.session_number % 500 = 0 then s.landed_at + interval '2 hours' end, s.session_number % 10 = 0, s.session_number % 500 = 0
from staging.session_facts as s;
insert into staging.click_facts (click_id, clicked_at, product_id, identity_number, person_number, session_number, currency, affiliate_network, source_page, device_type,
    utm_source, utm_medium, utm_campaign, verdict, is_converted, counted_as_converted, counted_converted_at, expected_commission, counted_commission, first_seen_at,
    changed_at, rule_version)
select md5('click' || s.session_number)::uuid, s.landed_at + interval '1 minute', md5('product' || s.session_number % 5000)::uuid, s.person_number, s.person_number,
    s.session_number, 'GBP', (array['amazon', 'awin', 'commission_junction'])[1 + s.session_number / 10 % 3], 'search', s.device_type, s.utm_source, s.utm_medium,
    s.utm_campaign, 'valid', s.session_number % 500 = 0, s.session_number % 500 = 0, case when s.session_number % 500 = 0 then s.landed_at + interval '2 hours' end,
    0.50, case when s.session_number % 500 = 0 then 0.50 end, s.landed_at, s.landed_at, '-'
from staging.session_facts as s
where s.session_number % 10 = 0;
