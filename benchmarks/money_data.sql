-- Two years of judged clicks, every thirtieth sold some days later and reported the day after, a third of these without an amount. Parameters: clicks.
insert into staging.click_facts (
    click_id, clicked_at, identity_number, person_number, currency, affiliate_network, source_page, device_type, utm_source, utm_medium, utm_campaign,
    verdict, is_converted, converted_at, expected_commission, actual_commission, counted_as_converted, counted_converted_at, counted_commission,
    reported_at, first_seen_at, changed_at, rule_version
)
select
    gen_random_uuid(), d.at, d.n, d.n, 'GBP', (array['amazon', 'awin', 'commission_junction'])[1 + d.n % 3], 'search', 'mobile', '(not set)', '(not set)',
    '(not set)', 'valid', d.is_sold, d.sold_at, 0.50, d.paid, d.is_sold, d.sold_at, d.paid, d.sold_at + interval '1 day', d.at + interval '10 minutes', d.at, ''
from (
    select
        c.n, c.at, c.n % 30 = 0 as is_sold,
        case when c.n % 30 = 0 then c.at - ln(1 - random()) * interval '5 days' end as sold_at,
        case when c.n % 30 = 0 and c.n % 90 > 0 then 0.50 end as paid
    from (
        select n, timestamptz '2026-11-01' - random() * interval '700 days' as at from generate_series(1::bigint, :clicks) as n offset 0
    ) as c
    offset 0
) as d;
