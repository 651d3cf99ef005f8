-- The rows of people_active of one day as a person would write them over the facts. Parameters: start, stop (the day), week, month (their first instants).
with acts as (
    select person_number, landed_at as at, is_machine, is_signed_in, false as is_click, false as is_converted from staging.session_facts
    where landed_at >= :month and landed_at < :stop
    union all
    select person_number, clicked_at, verdict = 'machine', false, verdict <> 'machine', counted_as_converted from staging.click_facts
    where clicked_at >= :month and clicked_at < :stop
),
here as (
    select
        p.period, p.begins, a.person_number, bool_and(a.is_machine) as is_machine, bool_or(a.is_signed_in and not a.is_machine) as is_signed_in,
        bool_or(a.is_click) as is_click, bool_or(a.is_converted) as is_converted
    from acts as a
    join (values (1, cast(:start as timestamptz)), (2, :week), (3, :month)) as p (period, begins) on a.at >= p.begins
    group by 1, 2, 3
)
select
    (array['day', 'week', 'month'])[h.period] as period,
    count(*) filter (where not h.is_machine) as people,
    count(*) filter (where f.first_here_at >= h.begins) as first_time,
    count(*) filter (where f.first_here_at < h.begins) as returned,
    count(*) filter (where h.is_signed_in) as signed_in,
    count(*) filter (where h.is_click) as with_click,
    count(*) filter (where h.is_converted) as with_conversion,
    count(*) filter (where h.is_machine) as machines
from here as h
left join staging.person_facts as f on f.person_number = h.person_number and not h.is_machine
group by h.period
