-- A shop of any size for benchmarks: tastes that a model can find (a user likes some categories, brands and prices), drawn by the server.
-- Parameters: users, products, swipes.
select setseed(0.42);
insert into public.categories (id, name, slug)
select md5('category' || n)::uuid, 'Category ' || n, 'category-' || n from generate_series(1, 18) as n;
insert into public.products (id, title, brand, category_id, price_min, price_max, currency, tags, affiliate_network, commission_rate)
select md5('product' || n)::uuid, (array['Red', 'Blue', 'Green', 'Silver', 'Wooden', 'Vintage'])[1 + n % 6] || ' thing ' || n, 'Brand ' || (1 + n % 211),
    md5('category' || (1 + n % 18))::uuid, 3 + n % 97, 3 + n % 97, 'GBP',
    array[(array['vintage', 'modern', 'floral', 'country', 'playful'])[1 + n % 5], (array['wood', 'metal', 'glass', 'ceramic'])[1 + n % 4]], 'awin', 0.05
from generate_series(1, :products) as n;
insert into auth.users (id, email, created_at)
select md5('user' || n)::uuid, 'user' || n || '@example.com', now() - interval '400 days' from generate_series(1, :users) as n;
insert into public.swipe_sessions (id, user_id, session_type, occasion, recipient_relationship, started_at)
select md5('session' || n || '/' || k)::uuid, md5('user' || n)::uuid, 'discovery',
    (array['birthday', 'christmas', 'wedding', null])[1 + (n + k) % 4], (array['friend', 'partner', 'parent', null])[1 + (n * k) % 4],
    now() - interval '300 days' * k / 4
from generate_series(1, :users) as n, generate_series(1, 4) as k;
insert into public.swipe_interactions (id, session_id, user_id, product_id, swipe_direction, swipe_timestamp, time_spent_seconds, preference_strength)
select gen_random_uuid(), md5('session' || d.n || '/' || (1 + d.i % 4))::uuid, md5('user' || d.n)::uuid, md5('product' || d.p)::uuid,
    case when d.luck < 0.05 then 'down'
        when d.luck < 0.1 + 0.3 * ((d.n + d.p) % 3)::float8 + 0.2 * ((d.n * 7 + d.p % 18) % 5 = 0)::int then case when d.luck < 0.15 then 'up' else 'right' end
        else 'left' end,
    now() - interval '300 days' * random(), (random() * 30)::integer, round(random()::numeric, 2)
from (
    select i, 1 + (:users * power(random(), 1.6))::integer % :users as n, 1 + (:products * power(random(), 1.8))::integer % :products as p, random() as luck
    from generate_series(1, :swipes) as i
) as d;
