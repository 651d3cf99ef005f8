-- Recommendations beside what facts_data.sql has drawn: one in ten views of a day shows one, made a minute before; one in ten of these gets a reaction.
-- Parameters: first (instant), days.
insert into auth.users (id) select md5('user' || n)::uuid from generate_series(1, 1000) as n on conflict do nothing;
insert into public.recommendations (id, user_id, product_id, created_at, algorithm_version, rank_position, confidence_score)
select v.id, md5('user' || 1 + mod(abs(hashtext(v.session_id)), 1000))::uuid, v.product_id, v.view_timestamp - interval '1 minute', 'v' || v.view_position % 3,
    v.view_position, v.view_position / 11.0
from public.product_views as v
where v.view_timestamp >= :first and v.view_timestamp < :first + :days * interval '1 day' and abs(uuid_hash(v.id)::bigint) % 10 = 0;
update public.product_views as v set recommendation_id = v.id from public.recommendations as r where r.id = v.id and v.recommendation_id is null;
insert into public.recommendation_feedback (recommendation_id, user_id, product_id, feedback_value, model_version, created_at)
select r.id, r.user_id, r.product_id, 0.5 - abs(uuid_hash(r.id)::bigint) % 2, 'v', r.created_at + interval '1 hour'
from public.recommendations as r
where r.created_at >= :first - interval '1 minute' and r.created_at < :first + :days * interval '1 day' and abs(uuid_hash(r.id)::bigint) % 100 = 0
