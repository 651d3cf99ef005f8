-- A shop's events at an even pace from a first instant on: sessions of ten views, one of them an opened page, and a click on every so many a view.
-- All was written two days ago. Parameters: tag (of its sessions' names), first (instant), days, views, views_a_click.
insert into public.products (id, title, brand, price_min, price_max, currency, affiliate_network, commission_rate)
select md5('product' || n)::uuid, 'Thing ' || n, 'Brand ' || n % 50, 10, 10, 'GBP', 'awin', 0.05 from generate_series(1, 5000) as n
on conflict do nothing;
insert into public.session_analytics (session_id, anonymous_id, started_at, ended_at, landing_page, device_type, utm_source, created_at, updated_at)
select cast(:tag as text) || s, 'visitor' || s % 200000, at, at + interval '20 minutes', '/page' || s % 20,
    (array['mobile', 'tablet', 'desktop'])[1 + s % 3], 'source' || s % 7, now() - interval '2 days', now() - interval '2 days'
from (select s, :first + s * :days * interval '1 day' / (:views / 10 + 1) as at from generate_series(0, :views / 10 - 1) as s) as drawn;
insert into public.product_views (product_id, session_id, view_timestamp, view_source, view_position, interaction_type, created_at)
select md5('product' || 1 + n * 7919 % 5000)::uuid, cast(:tag as text) || n / 10,
    :first + (n / 10) * :days * interval '1 day' / (:views / 10 + 1) + n % 10 * interval '20 seconds',
    (array['swipe', 'recommendations', 'search'])[1 + n / 10 % 3], 1 + n % 10, case n % 10 when 5 then 'detail_view' else 'impression' end,
    now() - interval '2 days'
from generate_series(0::bigint, :views - 1) as n;
insert into public.affiliate_clicks (anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url,
    commission_rate, expected_commission, is_converted, conversion_timestamp, actual_commission, user_agent, created_at, updated_at)
select 'visitor' || n / 10 % 200000, md5('product' || 1 + n * 7919 % 5000)::uuid, cast(:tag as text) || n / 10, at,
    (array['discover', 'recommendations', 'search', 'category'])[1 + n / 10 % 4], (array['mobile', 'tablet', 'desktop'])[1 + n / 10 % 3],
    (array['amazon', 'awin', 'commission_junction'])[1 + n % 3], 'https://shop.example/' || n, 0.05, 0.50, n % 40 = 0,
    case when n % 40 = 0 then at + interval '2 hours' end, case when n % 40 = 0 then 0.50 end,
    case when n / 10 % 100 = 0 then 'Googlebot/2.1' else 'Mozilla/5.0 (Linux; Android 15) Mobile' end,
    now() - interval '2 days', now() - interval '2 days'
from (
    select n, :first + (n / 10) * :days * interval '1 day' / (:views / 10 + 1) + n % 10 * interval '20 seconds' + interval '5 seconds' as at
    from generate_series(0::bigint, :views - 1, :views_a_click) as n
) as drawn;
