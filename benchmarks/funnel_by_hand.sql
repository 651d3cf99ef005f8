-- Days of tables that are made of views as a person would write them for that day alone, over the facts. Parameters: start, stop.
-- name: ctr_by_position_daily
with kept as (
    select product_id, session_id, view_timestamp, coalesce(view_source, '(not set)') as view_source, coalesce(view_position, 0) as view_position,
        bool_or(has_clicked_affiliate) as is_flagged
    from public.product_views
    where view_timestamp >= :start and view_timestamp < :stop and interaction_type = 'impression'
    group by product_id, session_id, user_id, view_timestamp, view_source, view_position
),
named as materialized (
    select k.session_id, f.session_number, f.is_machine
    from (select distinct session_id from kept) as k
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(k.session_id)
    join staging.session_facts as f on f.session_number = n.session_number
),
clicked as (
    select n.session_id, c.product_id, max(c.clicked_at) as last_at
    from named as n join staging.click_facts as c on c.session_number = n.session_number
    where c.verdict = 'valid' and c.clicked_at >= :start
    group by 1, 2
),
placed as (
    select k.product_id, k.view_source, k.view_position,
        count(*) filter (where not n.is_machine) as impressions,
        count(*) filter (where n.is_machine) as machine_impressions,
        count(*) filter (where not n.is_machine and (k.is_flagged or c.last_at >= k.view_timestamp)) as clicked_impressions
    from kept as k
    join named as n on n.session_id = k.session_id
    left join clicked as c on c.session_id = k.session_id and c.product_id = k.product_id
    group by 1, 2, 3
),
beside as (
    select *, sum(impressions) over w - impressions as elsewhere, sum(clicked_impressions) over w - clicked_impressions as clicked_elsewhere
    from placed window w as (partition by product_id)
)
select view_source, view_position, sum(impressions)::bigint as impressions, sum(machine_impressions)::bigint as machine_impressions,
    sum(clicked_impressions)::bigint as clicked_impressions,
    coalesce(sum(impressions) filter (where elsewhere > 0), 0)::bigint as comparable_impressions,
    coalesce(sum(clicked_impressions) filter (where elsewhere > 0), 0)::bigint as comparable_clicks,
    coalesce(sum(round(impressions * clicked_elsewhere / nullif(elsewhere, 0), 6)), 0) as expected_clicks
from beside
group by 1, 2;
-- name: session_quality_daily
with landed as (
    select f.session_number, f.device_type, f.landing_page, f.landed_at, f.engaged_seconds, not f.is_machine and not f.is_orphan as is_counted, f.is_machine,
        f.registered_at
    from staging.session_facts as f
    where f.landed_at >= :start and f.landed_at < :stop
),
clicked as (
    select c.session_number, bool_or(c.clicked_at between l.landed_at and l.landed_at + interval '720 hours') as any_click
    from landed as l join staging.click_facts as c on c.session_number = l.session_number
    where c.verdict = 'valid'
    group by 1
),
named as materialized (
    select v.session_id, l.session_number, l.landed_at
    from (select distinct session_id from public.product_views where view_timestamp >= :start and view_timestamp <= :stop + interval '24 hours') as v
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(v.session_id)
    join landed as l on l.session_number = n.session_number and l.is_counted
),
looked as (
    select n.session_number, bool_or(v.interaction_type in ('click', 'add_to_wishlist', 'share', 'save') or v.has_clicked_affiliate or v.has_shared
        or v.has_saved) as is_acted_on
    from public.product_views as v join named as n on n.session_id = v.session_id
    where v.view_timestamp >= :start and v.view_timestamp between n.landed_at and n.landed_at + interval '24 hours'
    group by 1
),
opened as (
    select n.session_number, count(distinct v.product_id) as products
    from public.product_views as v join named as n on n.session_id = v.session_id
    where v.view_timestamp >= :start and v.view_timestamp between n.landed_at and n.landed_at + interval '24 hours' and v.interaction_type = 'detail_view'
    group by 1
)
select l.device_type, l.landing_page, count(*) filter (where l.is_counted) as sessions, count(*) filter (where l.is_machine) as machine_sessions,
    count(k.session_number) as viewing_sessions,
    count(k.session_number) filter (where (o.products > 1 or k.is_acted_on or c.any_click or l.registered_at is not null) is not true) as bounces,
    coalesce(sum(o.products), 0)::bigint as products_opened,
    coalesce(sum(l.engaged_seconds) filter (where l.is_counted), 0) as engaged_seconds
from landed as l
left join looked as k on k.session_number = l.session_number
left join opened as o on o.session_number = l.session_number
left join clicked as c on c.session_number = l.session_number
group by 1, 2;
-- name: recommendation_performance_daily
with served as (
    select id, created_at, algorithm_version, rank_position, confidence_score
    from public.recommendations
    where created_at >= :start and created_at < :stop
),
seen as (
    select s.id, s.created_at, v.product_id, v.session_id, min(v.view_timestamp) as at, bool_or(v.interaction_type = 'detail_view') as is_opened,
        bool_or(v.has_clicked_affiliate) as is_flagged
    from served as s
    join public.product_views as v on v.recommendation_id = s.id
    where v.view_timestamp >= :start - interval '1 day' and v.view_timestamp <= :stop + interval '720 hours'
        and v.view_timestamp between s.created_at - interval '24 hours' and s.created_at + interval '720 hours'
    group by 1, 2, 3, 4
),
people as (
    select e.*, f.session_number
    from seen as e
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(e.session_id)
    join staging.session_facts as f on f.session_number = n.session_number
    where not f.is_machine
),
clicked as (
    select p.id, bool_or(c.counted_as_converted and c.counted_converted_at <= p.created_at + interval '720 hours') as is_converted
    from people as p join staging.click_facts as c on c.session_number = p.session_number and c.product_id = p.product_id
    where c.verdict = 'valid' and c.clicked_at between p.at and p.created_at + interval '720 hours'
    group by 1
),
shown as (select id, bool_or(is_opened) as is_opened, bool_or(is_flagged) as is_flagged from people group by 1),
judged as (
    select s.id, count(*) filter (where b.feedback_value > 0) as positive, sum(b.feedback_value) as value
    from served as s join public.recommendation_feedback as b on b.recommendation_id = s.id
    where b.is_validated is not false and b.created_at <= s.created_at + interval '720 hours'
    group by 1
)
select s.algorithm_version as algorithm, s.rank_position, count(*) as served, count(w.id) as shown, count(*) filter (where w.is_opened) as opened,
    count(*) filter (where w.is_flagged or c.id is not null) as clicked, count(*) filter (where c.is_converted) as converted,
    coalesce(sum(j.positive), 0)::bigint as positive_reactions, count(*) filter (where j.value <> 0) as judged, sum(s.confidence_score) as confidence
from served as s
left join shown as w on w.id = s.id
left join clicked as c on c.id = s.id
left join judged as j on j.id = s.id
group by 1, 2, trunc(s.confidence_score, 1);
-- name: product_revenue_daily
with kept as (
    select product_id, session_id, interaction_type, view_timestamp, bool_or(has_clicked_affiliate) as is_flagged
    from public.product_views
    where view_timestamp >= :start and view_timestamp < :stop and interaction_type in ('impression', 'detail_view')
    group by product_id, session_id, user_id, interaction_type, view_timestamp, view_source, view_position
),
named as materialized (
    select k.session_id, f.session_number, f.is_machine
    from (select distinct session_id from kept) as k
    join pipeline.session_numbers as n on n.session_key = analytics.session_key(k.session_id)
    join staging.session_facts as f on f.session_number = n.session_number
),
followed as (
    select n.session_id, c.product_id, max(c.clicked_at) as last_at
    from named as n join staging.click_facts as c on c.session_number = n.session_number
    where c.verdict = 'valid' and c.clicked_at >= :start
    group by 1, 2
),
seen as (
    select k.product_id,
        count(*) filter (where k.interaction_type = 'impression' and not n.is_machine) as impressions,
        count(*) filter (where k.interaction_type = 'impression' and not n.is_machine and (k.is_flagged or c.last_at >= k.view_timestamp))
            as clicked_impressions,
        count(*) filter (where k.interaction_type = 'impression' and n.is_machine) as machine_impressions,
        count(*) filter (where k.interaction_type = 'detail_view' and not n.is_machine) as detail_views
    from kept as k
    join named as n on n.session_id = k.session_id
    left join followed as c on c.session_id = k.session_id and c.product_id = k.product_id
    group by 1
),
clicked as (
    select product_id, currency, count(*) as clicks, count(*) filter (where counted_as_converted) as conversions,
        sum(counted_commission) filter (where counted_as_converted) as commission
    from staging.click_facts
    where clicked_at >= :start and clicked_at < :stop and verdict = 'valid'
    group by 1, 2
)
select coalesce(p.currency, c.currency) as currency, coalesce(s.product_id, c.product_id)::text as product_id, coalesce(s.impressions, 0) as impressions,
    coalesce(s.clicked_impressions, 0) as clicked_impressions, coalesce(s.machine_impressions, 0) as machine_impressions,
    coalesce(s.detail_views, 0) as detail_views, coalesce(c.clicks, 0) as clicks, coalesce(c.conversions, 0) as conversions,
    coalesce(c.commission, 0) as actual_commission
from (seen as s join staging.product_facts as p on p.product_id = s.product_id) full join clicked as c on c.product_id = s.product_id and c.currency = p.currency
;
-- name: session_funnel_daily
with reached as (
    select s.*, n.step,
        case n.step when 1 then s.step_1_at when 2 then s.step_2_at when 3 then s.step_3_at when 4 then s.step_4_at else s.step_5_at end as at,
        case n.step when 1 then s.step_1_at when 2 then s.step_1_at when 3 then s.step_2_at when 4 then s.step_3_at else s.step_4_at end as before_at,
        not s.is_machine and not s.is_orphan as is_counted
    from analytics.session_steps as s
    cross join (values (1), (2), (3), (4), (5)) as n (step)
    where s.day = (cast(:start as timestamptz) at time zone 'UTC')::date and :stop > :start
)
select device_type, landing_page, utm_source, path, step, count(*) filter (where is_counted) as sessions,
    coalesce(sum(extract(epoch from at - before_at)) filter (where is_counted), 0) as seconds_from_previous,
    coalesce(sum(extract(epoch from at - step_1_at)) filter (where is_counted), 0) as seconds_from_landing,
    count(*) filter (where is_counted and any_click) as any_click, count(*) filter (where is_counted and any_conversion) as any_conversion,
    count(*) filter (where is_machine) as machine_sessions, count(*) filter (where is_orphan and not is_machine) as orphan_sessions
from reached
where at is not null
group by 1, 2, 3, 4, 5
