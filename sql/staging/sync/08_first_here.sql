-- Since when people are here (staging.person_facts): of everyone whom something changed about, when that was before and when it is now. A look at everything
-- asks for all, since another first day moves it without any event.
create temporary table concerned on commit drop as
select p.person_number from people as p where p.person_number is not null
union
select n.person_number
from click_changes as c
cross join lateral (values (c.person_number), ((c.before).person_number)) as n (person_number)
where n.person_number is not null
union
select a.person_number from staging.activity as a where :is_full and a.person_number is not null
union
select f.person_number from staging.person_facts as f where :is_full;
analyze concerned;

create temporary table firsts on commit drop as
select c.person_number, f.first_here_at as before_at, n.at as now_at
from concerned as c
left join staging.person_facts as f on f.person_number = c.person_number
left join (
    select k.person_number, min(a.active_at) as at
    from concerned as k
    join staging.activity as a on a.person_number = k.person_number
    where not a.is_machine and a.active_at >= analytics.day_start(:first_day::date, :timezone)
    group by k.person_number
) as n on n.person_number = c.person_number
where n.at is distinct from f.first_here_at;

insert into staging.person_facts as f (person_number, first_here_at, changed_at)
select n.person_number, n.now_at, :synced_at from firsts as n where n.now_at is not null
on conflict (person_number) do update set (first_here_at, changed_at) = (excluded.first_here_at, excluded.changed_at);

delete from staging.person_facts as f using firsts as n where n.person_number = f.person_number and n.now_at is null
