-- Days on which presence (staging.activity) is another than it was, for tables of periods that stand on their last day: of what was and what is, the day, the
-- Sunday that ends its week and the last day of its month. Where a person is first seen on another day than before, also the day that was, or now is, the
-- first, though nothing changed on it.
create temporary table acts on commit drop as
select n.person_number, n.at, coalesce(c.cause, c.why) as cause
from click_changes as c
cross join lateral (
    values (c.person_number, c.clicked_at), ((c.before).person_number, (c.before).clicked_at)
) as n (person_number, at)
where 'activity_day' = any(:reaches::text[] || :whole_reaches::text[]) and :has_published
    and (c.person_number, c.clicked_at, c.verdict, c.counted_as_converted, c.utm_source, c.utm_campaign) is distinct from (
        (c.before).person_number, (c.before).clicked_at, (c.before).verdict, (c.before).counted_as_converted, (c.before).utm_source,
        (c.before).utm_campaign
    )
union
select
    n.person_number, n.at,
    case when b.session_number is not null and b.person_number is distinct from f.person_number then 'identity' else 'late session' end
from (select i.session_number from session_images as i union select o.session_number from session_before as o) as t
join staging.session_facts as f on f.session_number = t.session_number
left join session_before as b on b.session_number = f.session_number
cross join lateral (values (f.person_number, f.landed_at), (b.person_number, b.landed_at)) as n (person_number, at)
where 'activity_day' = any(:reaches::text[] || :whole_reaches::text[]) and :has_published
    and (f.person_number, f.landed_at, f.is_machine, f.is_signed_in, f.utm_source, f.utm_campaign)
    is distinct from (b.person_number, b.landed_at, b.is_machine, b.is_signed_in, b.utm_source, b.utm_campaign);

create temporary table activity_marks on commit drop as
with days as (
    select analytics.local_day(a.at, :timezone) as day, a.cause from acts as a where a.at is not null
    union
    select analytics.local_day(d.at, :timezone), a.cause
    from firsts as f
    join acts as a on a.person_number = f.person_number
    cross join lateral (values (f.before_at), (f.now_at)) as d (at)
    where d.at is not null
        and analytics.local_day(f.before_at, :timezone) is distinct from analytics.local_day(f.now_at, :timezone)
)
select distinct p.day::date as day, d.cause, jsonb_build_object('period', p.period) as cell
from days as d
cross join lateral (
    values
    ('day', d.day::timestamp),
    ('week', date_trunc('week', d.day::timestamp) + interval '6 days'),
    ('month', date_trunc('month', d.day::timestamp) + interval '1 month - 1 day')
) as p (period, day)
