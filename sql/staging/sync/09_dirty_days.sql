-- Days that what changed reaches, of tables that have published them: by each way in which a table's header says that it reads. What was and what is
-- both count. A click that is new, moved or judged otherwise reaches the views before it by the last of its session and product: no pair of click and
-- view is looked at. A sale reported of it reaches none of them, but the recommendations that they showed. Of a table that is replaced whole the causes are noted: a change on a day that was not
-- over when it was last published is a new day to it.
create temporary table marks on commit drop as
with clicks as (
    select
        c.click_id, coalesce(c.cause, c.why) as cause,
        (c.session_number, c.product_id, c.clicked_at, c.verdict)
        is distinct from ((c.before).session_number, (c.before).product_id, (c.before).clicked_at, (c.before).verdict) as is_moved,
        (c.counted_as_converted, c.counted_converted_at)
        is distinct from ((c.before).counted_as_converted, (c.before).counted_converted_at) as is_sold_otherwise,
        n.session_number, n.product_id, n.clicked_at as at, n.converted_at as sold_at, n.is_paid,
        jsonb_build_object(
            'currency', n.currency, 'affiliate_network', n.affiliate_network, 'source_page', n.source_page, 'device_type', n.device_type,
            'utm_source', n.utm_source, 'utm_medium', n.utm_medium, 'utm_campaign', n.utm_campaign,
            'product_id', coalesce(n.product_id::text, '(not set)')
        ) as image
    from click_changes as c
    cross join lateral (
        select
            c.session_number, c.product_id, c.clicked_at, c.converted_at, c.frozen_currency as currency, c.affiliate_network, c.source_page,
            c.device_type, c.utm_source, c.utm_medium, c.utm_campaign, c.is_converted or c.actual_commission is not null as is_paid
        union
        select
            (c.before).session_number, (c.before).product_id, (c.before).clicked_at, (c.before).converted_at, (c.before).currency,
            (c.before).affiliate_network, (c.before).source_page, (c.before).device_type, (c.before).utm_source, (c.before).utm_medium,
            (c.before).utm_campaign, (c.before).is_converted or (c.before).actual_commission is not null
        where (c.before).click_id is not null
    ) as n
    where c.is_published and :has_published
),
shown as (
    select s.session_id, c.product_id, c.cause, c.until, c.is_moved
    from (
        select k.session_number, k.product_id, k.cause, k.is_moved, max(k.at) as until, (array_agg(k.click_id))[1] as click_id
        from clicks as k
        where (k.is_moved or k.is_sold_otherwise) and k.at is not null and k.product_id is not null
        group by k.session_number, k.product_id, k.cause, k.is_moved
    ) as c
    join pipeline.session_numbers as n on n.session_number = c.session_number
    -- Of a session without clicks, since they are gone, the product's views know the name.
    cross join lateral (
        select n.session_key as session_id
        union
        select coalesce(
            (select r.session_id from public.affiliate_clicks as r where r.id = c.click_id),
            (
                select v.session_id from public.product_views as v
                where v.product_id = c.product_id and v.session_id !~ '^sha256:' and analytics.session_key(v.session_id) = n.session_key
                limit 1
            )
        )
    ) as s
),
sessions as (
    select
        f.session_number,
        f.person_number is distinct from b.person_number and b.session_number is not null as is_renumbered,
        f.is_machine is distinct from coalesce(b.is_machine, false) as is_judged_otherwise,
        (to_jsonb(f) - array['person_number', 'first_seen_at', 'changed_at', 'gone_at'])
        is distinct from (to_jsonb(b) - array['person_number', 'first_seen_at', 'changed_at', 'gone_at']) as is_changed,
        f as now,
        b as before
    from (select i.session_number from session_images as i union select o.session_number from session_before as o) as t
    join staging.session_facts as f on f.session_number = t.session_number
    left join session_before as b on b.session_number = f.session_number
    where :has_published
),
session_ends as (
    select
        s.session_number, s.is_changed, case when s.is_renumbered then 'identity' else 'late session' end as cause, n.person_number, n.landed_at,
        n.started_at, n.active_until, n.is_signed_in,
        jsonb_build_object('device_type', n.device_type, 'landing_page', n.landing_page, 'utm_source', n.utm_source) as cell
    from sessions as s
    cross join lateral (
        select
            (s.now).person_number, (s.now).landed_at, (s.now).started_at, (s.now).active_until, (s.now).is_signed_in, (s.now).device_type,
            (s.now).landing_page, (s.now).utm_source
        union
        select
            (s.before).person_number, (s.before).landed_at, (s.before).started_at, (s.before).active_until, (s.before).is_signed_in,
            (s.before).device_type, (s.before).landing_page, (s.before).utm_source
        where (s.before).session_number is not null
    ) as n
),
-- A swipe belongs to the session of its user that began last: one that changes may take it from another, or leave it to that.
beside as (
    select
        e.*,
        max(e.active_until) filter (where e.is_changed) over (partition by e.person_number order by e.started_at rows unbounded preceding) as until,
        min(e.started_at) filter (where e.is_changed)
            over (partition by e.person_number order by e.started_at rows between current row and unbounded following) as from_then
    from session_ends as e
    where e.is_signed_in and e.started_at is not null and e.active_until is not null
),
-- A person's valid clicks and sessions lead to the sales within 30 days (sql/revenue/attribution_daily.sql). One that comes, goes or says something else
-- reaches the sales whose last such one lies so far before; none after the last published day does.
touches as (
    select n.person_number, n.at, coalesce(c.cause, c.why) as cause
    from click_changes as c
    cross join lateral (
        values
        (c.person_number, c.clicked_at, c.verdict),
        ((c.before).person_number, (c.before).clicked_at, (c.before).verdict)
    ) as n (person_number, at, verdict)
    where c.is_published and n.verdict = 'valid'
        and (c.person_number, c.clicked_at, c.verdict, c.source_page, c.affiliate_network) is distinct from (
            (c.before).person_number, (c.before).clicked_at, (c.before).verdict, (c.before).source_page, (c.before).affiliate_network
        )
    union all
    select n.person_number, n.at, case when s.is_renumbered then 'identity' else 'late session' end
    from sessions as s
    cross join lateral (
        values ((s.now).person_number, (s.now).landed_at), ((s.before).person_number, (s.before).landed_at)
    ) as n (person_number, at)
    where (
        (s.now).person_number, (s.now).landed_at, (s.now).utm_source, (s.now).utm_medium, (s.now).utm_campaign, (s.now).is_machine, (s.now).is_orphan
    ) is distinct from (
        (s.before).person_number, (s.before).landed_at, (s.before).utm_source, (s.before).utm_medium, (s.before).utm_campaign,
        (s.before).is_machine, (s.before).is_orphan
    )
),
touched as (
    select t.*
    from touches as t
    where t.at < (
        select analytics.day_start(max(d.day) + 1, :timezone)
        from unnest(:tables::text[], :reaches::text[]) as r (table_name, reach)
        join pipeline.days as d on d.table_name = r.table_name
        where r.reach = 'touched_sale_day'
    )
),
led as (
    select
        e.*,
        max(e.at) filter (where e.is_touch)
            over (partition by e.person_number, e.cause order by e.at, e.is_touch desc rows unbounded preceding) as touched_at
    from (
        select t.person_number, t.cause, t.at, true as is_touch, null as currency from touched as t
        union all
        select f.person_number, t.cause, f.counted_converted_at, false, f.currency
        from (select distinct t.person_number, t.cause from touched as t) as t
        join staging.click_facts as f on f.person_number = t.person_number
        where f.counted_converted_at is not null
    ) as e
)
select 'click_day' as reach, analytics.local_day(c.at, :timezone) as day, c.cause, c.image as cell
from clicks as c
union
select 'sale_day', analytics.local_day(c.sold_at, :timezone), c.cause, c.image
from clicks as c
where c.sold_at is not null or c.is_paid
union
select 'touched_sale_day', analytics.local_day(n.sold_at, :timezone), coalesce(c.cause, c.why), jsonb_build_object('currency', n.currency)
from click_changes as c
cross join lateral (
    values (c.counted_converted_at, c.frozen_currency), ((c.before).counted_converted_at, (c.before).currency)
) as n (sold_at, currency)
where c.is_published and n.sold_at is not null
union
select 'touched_sale_day', analytics.local_day(l.at, :timezone), l.cause, jsonb_build_object('currency', l.currency)
from led as l
where not l.is_touch and l.touched_at >= l.at - interval '720 hours'
union
select 'activity_day', a.day, a.cause, a.cell
from activity_marks as a
union
select 'session_day', analytics.local_day(s.landed_at, :timezone), c.cause, jsonb_build_object(
    'device_type', s.device_type, 'landing_page', s.landing_page, 'utm_source', s.utm_source
)
from (select distinct k.session_number, k.cause from clicks as k) as c
join staging.session_facts as s on s.session_number = c.session_number
where s.landed_at is not null
union
select 'impression_day', analytics.local_day(analytics.usable(v.view_timestamp), :timezone), c.cause,
    jsonb_build_object('product_id', v.product_id::text)
from shown as c
join public.product_views as v on v.session_id = c.session_id and v.product_id = c.product_id
where c.is_moved and analytics.usable(v.view_timestamp) <= c.until
union
select 'recommendation_day', analytics.local_day(analytics.usable(r.created_at), :timezone), c.cause,
    jsonb_build_object('algorithm', analytics.dimension(r.algorithm_version))
from shown as c
-- Looked up click by click (`offset 0`): most showed no recommendation, and no plan is to begin with all that there are.
cross join lateral (
    select v.recommendation_id, analytics.usable(v.view_timestamp) as viewed_at
    from public.product_views as v
    where v.session_id = c.session_id and v.product_id = c.product_id and v.recommendation_id is not null
    offset 0
) as v
join public.recommendations as r on r.id = v.recommendation_id
where v.viewed_at <= c.until
union
select 'session_day', analytics.local_day(e.landed_at, :timezone), e.cause, e.cell
from session_ends as e
where e.is_changed and e.landed_at is not null
union
select 'session_day', analytics.local_day(b.landed_at, :timezone), 'late session', b.cell
from beside as b
where not b.is_changed and (b.until >= b.started_at or b.from_then <= b.active_until)
union
select w.reach, analytics.local_day(analytics.usable(v.view_timestamp), :timezone), 'late click', '{}'::jsonb
from sessions as s
join session_names as r on r.session_number = s.session_number
join public.product_views as v on v.session_id = r.session_id
cross join (values ('view_day'), ('impression_day')) as w (reach)
where s.is_judged_otherwise and analytics.usable(v.view_timestamp) is not null
union
select 'recommendation_day', analytics.local_day(analytics.usable(r.created_at), :timezone), 'late click',
    jsonb_build_object('algorithm', analytics.dimension(r.algorithm_version))
from sessions as s
join session_names as n on n.session_number = s.session_number
join public.product_views as v on v.session_id = n.session_id
join public.recommendations as r on r.id = v.recommendation_id
where s.is_judged_otherwise
union
select w.reach, analytics.local_day(v.viewed_at, :timezone), 'late view', jsonb_build_object('product_id', v.product_id::text)
from new_views as v
cross join (values ('view_day'), ('impression_day')) as w (reach)
where v.viewed_at is not null and :has_published
union
select 'recommendation_day', analytics.local_day(analytics.usable(r.created_at), :timezone), 'late view',
    jsonb_build_object('algorithm', analytics.dimension(r.algorithm_version))
from new_views as v
join public.recommendations as r on r.id = v.recommendation_id
where v.viewed_at is not null and :has_published
union
select 'session_day', analytics.local_day(s.landed_at, :timezone), 'late view', jsonb_build_object(
    'device_type', s.device_type, 'landing_page', s.landing_page, 'utm_source', s.utm_source
)
from new_views as v
join pipeline.session_numbers as n on n.session_key = analytics.session_key(v.session_id)
join staging.session_facts as s on s.session_number = n.session_number
where s.landed_at is not null and :has_published;

insert into pipeline.dirty (table_name, day, cause, cell, noted_at)
select distinct t.table_name, m.day, m.cause, m.cell, :synced_at::timestamptz
from marks as m
join unnest(:tables::text[], :reaches::text[]) as t (table_name, reach) on t.reach = m.reach
join pipeline.days as d on d.table_name = t.table_name and d.day = m.day
union
-- Without a day: what clicks or sales without a date changed. No product's cell: no table of this kind has one.
select distinct t.table_name, coalesce(m.day, p.day), case when m.day >= p.day then 'new day' else m.cause end,
    case when m.day >= p.day then '{}' else m.cell - 'product_id' end, :synced_at::timestamptz
from marks as m
join unnest(:whole_tables::text[], :whole_reaches::text[]) as t (table_name, reach) on t.reach = m.reach
join (
    select l.table_name, analytics.local_day(max(l.at), :timezone) as day from pipeline.publications as l group by l.table_name
) as p on p.table_name = t.table_name
on conflict do nothing
