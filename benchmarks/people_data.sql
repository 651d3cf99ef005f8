-- Visits of 200,000 people at an even pace, each with a click. All was written two days ago. Parameters: first (instant), days, sessions.
insert into public.products (id, title, price_min, price_max, currency, affiliate_network, commission_rate)
select md5('product' || n)::uuid, 'Thing ' || n, 10, 10, 'GBP', 'awin', 0.05 from generate_series(1, 5000) as n;
create temporary table visits on commit drop as
select s, 'visitor' || s * 48271 % 200003 as visitor, :first + s * :days * interval '1 day' / :sessions as at from generate_series(0::bigint, :sessions - 1) as s;
insert into public.session_analytics (session_id, anonymous_id, started_at, ended_at, landing_page, device_type, utm_source, created_at, updated_at)
select 'p' || s, visitor, at, at + interval '20 minutes', '/page' || s % 20, 'mobile', 'source' || s % 7, now() - interval '2 days', now() - interval '2 days'
from visits;
insert into public.affiliate_clicks (anonymous_id, product_id, session_id, click_timestamp, source_page, device_type, affiliate_network, affiliate_url,
    commission_rate, expected_commission, is_converted, conversion_timestamp, actual_commission, user_agent, created_at, updated_at)
select visitor, md5('product' || 1 + s * 7919 % 5000)::uuid, 'p' || s, at + interval '5 seconds', 'search', 'mobile', 'awin', 'https://shop.example/' || s, 0.05,
    0.50, s % 40 = 0, case when s % 40 = 0 then at + interval '2 hours' end, case when s % 40 = 0 then 0.50 end,
    case when s % 100 = 0 then 'Googlebot/2.1' else 'Mozilla/5.0 (Linux; Android 15) Mobile' end, now() - interval '2 days', now() - interval '2 days'
from visits
