-- A day of a large shop, and its neighbours: the middle day of five holds as many clicks as asked, with repeats, bots and conversions among them.
-- Parameters: clicks, day (the middle day's first instant).
insert into public.products (id, title, brand, price_min, price_max, currency, affiliate_network, commission_rate)
select md5('product' || n)::uuid, 'Thing ' || n, 'Brand ' || n % 50, 10, 10, 'GBP', 'awin', 0.05 from generate_series(1, 5000) as n;
insert into public.affiliate_clicks (id, anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url,
    commission_rate, expected_commission, is_converted, conversion_timestamp, actual_commission, user_agent)
select gen_random_uuid(), 'visitor' || n % 200000, md5('product' || 1 + (n * 7919) % 5000)::uuid, 'session' || n % 250000, at,
    (array['discover', 'recommendations', 'search', 'category'])[1 + n % 4], (array['mobile', 'tablet', 'desktop'])[1 + n % 3],
    (array['amazon', 'awin', 'commission_junction'])[1 + n % 3], 'https://shop.example/' || n, 0.05, 0.50, n % 40 = 0,
    case when n % 40 = 0 then at + interval '2 hours' end, case when n % 40 = 0 then 0.50 end,
    case when n % 100 = 0 then 'Googlebot/2.1' else 'Mozilla/5.0 (Linux; Android 15) Mobile' end
from (
    select n, :day + interval '1 day' * case when n <= :clicks then 0 else (array[-2, -1, 1, 2])[1 + n % 4] end + interval '1 day' * random() as at
    from generate_series(1::bigint, :clicks * 11 / 10) as n
) as drawn;
