-- Judged clicks at random times, of which some sold later and were reported the day after, a third of these without an amount,
-- two to an order. Parameters: clicks, first (instant), days, clicks_a_sale, lag (mean time to the sale).
insert into staging.click_facts (
    click_id, clicked_at, identity_number, person_number, currency, affiliate_network, source_page, device_type, utm_source, utm_medium, utm_campaign,
    verdict, is_converted, converted_at, expected_commission, actual_commission, order_key, counted_as_converted, counted_converted_at,
    counted_commission, reported_at, first_seen_at, changed_at, rule_version
)
select
    gen_random_uuid(), d.at, d.n, d.n, 'GBP', (array['amazon', 'awin', 'commission_junction'])[1 + d.n / (3 * :clicks_a_sale) % 3], 'search', 'mobile',
    '(not set)', '(not set)', '(not set)', 'valid', d.is_sold, d.sold_at, 0.50, d.paid,
    case when d.is_sold then sha256(int8send(d.n / (2 * :clicks_a_sale))) end, d.is_sold, d.sold_at, d.paid, d.sold_at + interval '1 day', d.at + interval '10 minutes', d.at, ''
from (
    select
        c.n, c.at, c.n % :clicks_a_sale = 0 as is_sold,
        case when c.n % :clicks_a_sale = 0 then c.at - ln(1 - random()) * cast(:lag as interval) end as sold_at,
        case when c.n % :clicks_a_sale = 0 and c.n % (3 * :clicks_a_sale) > 0 then 0.50 + c.n % 97 * 0.01 end as paid
    from (
        select n, :first + random() * :days * interval '1 day' as at from generate_series(1::bigint, :clicks) as n offset 0
    ) as c
    offset 0
) as d;
