-- Days on which presence (staging.activity) is another than it was, for tables of periods that stand on their last day: of what was and what is, the day, the
-- Sunday that ends its week and the last day of its month. Where a person is first seen on another day than before, also the day that was, or now is, the
-- first, though nothing changed on it.
create temporary table acts on commit drop as
select
    c.click_id, null::bigint as session_number, coalesce(c.cause, c.why) as cause, n.person_number, n.at, n.is_active, n.is_now
from click_changes as c
cross join lateral (
    select c.person_number, c.clicked_at as at, c.verdict in ('valid', 'repeat') as is_active, true as is_now
    union all
    select (c.before).person_number, (c.before).clicked_at, (c.before).verdict in ('valid', 'repeat'), false
    where (c.before).click_id is not null
) as n
where 'activity_day' = any(:reaches::text[] || :whole_reaches::text[]) and :has_published
    and (c.person_number, c.clicked_at, c.verdict, c.counted_as_converted, c.utm_source, c.utm_campaign) is distinct from (
        (c.before).person_number, (c.before).clicked_at, (c.before).verdict, (c.before).counted_as_converted, (c.before).utm_source,
        (c.before).utm_campaign
    )
union all
select null, f.session_number, v.cause, n.person_number, n.at, n.is_active, n.is_now
from (select i.session_number from session_images as i union select o.session_number from session_before as o) as t
join staging.session_facts as f on f.session_number = t.session_number
left join session_before as b on b.session_number = f.session_number
cross join lateral (
    select case when b.session_number is not null and b.person_number is distinct from f.person_number then 'identity' else 'late session' end as cause
) as v
cross join lateral (
    select f.person_number, f.landed_at as at, not f.is_machine as is_active, true as is_now
    union all
    select b.person_number, b.landed_at, not b.is_machine, false
    where b.session_number is not null
) as n
where 'activity_day' = any(:reaches::text[] || :whole_reaches::text[]) and :has_published
    and (f.person_number, f.landed_at, f.is_machine, f.is_signed_in, f.utm_source, f.utm_campaign)
    is distinct from (b.person_number, b.landed_at, b.is_machine, b.is_signed_in, b.utm_source, b.utm_campaign);
create index on acts (click_id);
create index on acts (session_number);
analyze acts;

create temporary table activity_marks on commit drop as
with known_since as (
    select analytics.day_start(:first_day::date, :timezone) as at
),
-- When each of the people was first here before and is now, by what changed, and by all else.
firsts as (
    select
        p.*,
        least(
            (
                select min(f.landed_at) from staging.session_facts as f
                where f.person_number = p.person_number and not f.is_machine and f.landed_at >= p.known_since
                    and not exists (select from acts as a where a.session_number = f.session_number)
            ),
            (
                select min(c.clicked_at) from staging.click_facts as c
                where c.person_number = p.person_number and c.verdict in ('valid', 'repeat') and c.clicked_at >= p.known_since
                    and not exists (select from acts as a where a.click_id = c.click_id)
            )
        ) as else_at
    from (
        select
            a.person_number,
            k.at as known_since,
            array_agg(distinct a.cause) as causes,
            min(a.at) filter (where not a.is_now) as before_at,
            min(a.at) filter (where a.is_now) as now_at
        from acts as a, known_since as k
        where a.is_active and a.person_number is not null and a.at >= k.at
        group by a.person_number, k.at
    ) as p
),
days as (
    select analytics.local_day(a.at, :timezone) as day, a.cause from acts as a where a.at is not null
    union
    select analytics.local_day(f.else_at, :timezone), unnest(f.causes)
    from firsts as f
    where analytics.local_day(least(f.before_at, f.else_at), :timezone) <> analytics.local_day(least(f.now_at, f.else_at), :timezone)
        and f.else_at in (least(f.before_at, f.else_at), least(f.now_at, f.else_at))
)
select distinct p.day::date as day, d.cause, jsonb_build_object('period', p.period) as cell
from days as d
cross join lateral (
    values
    ('day', d.day::timestamp),
    ('week', date_trunc('week', d.day::timestamp) + interval '6 days'),
    ('month', date_trunc('month', d.day::timestamp) + interval '1 month - 1 day')
) as p (period, day)
