-- How far sessions of a range of days got, by the dimensions asked for: a row a group and step, its rates with bounds that hold for sessions of the same people.
-- kind: function
-- owner: team:analytics

-- The clock is the landing of the session, days are those of the reporting zone, the first and the last counted; sessions, paths, steps and the window from
-- landing (ACLUE_FUNNEL_WINDOW_DAYS) are those of session_steps. Machines' sessions and orphans are left out.
-- Dimensions: `by` names any of day, week (its Monday), month (its first day), device_type, landing_page, utm_source, utm_medium, utm_campaign,
-- is_first_visit and is_signed_in; another name is refused. `path` is all, signed_in or newcomers. A group has a row for each step of the path, also for
-- those that no session reached.
-- Maturity: what is immature takes no part in a rate: n and d, and all that is made of them (rates, bounds, seconds), are of the sessions whose window is
-- over, so that a rate is NULL where no window is. is_mature says whether all are.
-- Bounds: 95 %, Wilson's on n and d divided by their design effect (analytics.design_effect): sessions of one person go alike.
-- Columns:
--   cell  The group, each dimension asked for with its value: `cell ->> 'landing_page'`.
--   step,step_name  From 1: landing, view, swipe, click, registration, conversion, as the path has them.
--   sessions  Sessions that reached the step, to now. Additive over groups, not over steps.
--   people  Distinct people behind them. Not additive: one person may be in two groups.
--   is_mature  Whether the window of every session of the group is over.
--   n,d  Of the sessions whose window is over, those that reached the step, and those that reached the step before; at step 1 d is NULL.
--   rate,low,high,design_effect  The step's rate, n of d, with its bounds; NULL at step 1.
--   overall_rate,overall_low,overall_high  The same of all that landed; at step 1 it is 1 by definition.
--   median_seconds,p90_seconds  From the step before, of the n; 0 at step 1.
--   median_seconds_from_landing,p90_seconds_from_landing  The same from landing.
create or replace function analytics.funnel(first_day date, last_day date, by text[] default '{}', path text default 'all')
returns table (
    cell jsonb, step int, step_name text, sessions bigint, people bigint, is_mature boolean,
    n bigint, d bigint, rate numeric, low numeric, high numeric, design_effect numeric,
    overall_rate numeric, overall_low numeric, overall_high numeric,
    median_seconds numeric, p90_seconds numeric, median_seconds_from_landing numeric, p90_seconds_from_landing numeric
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $body$
declare
    g record;
    steps constant text[] := case path
        when 'all' then '{landing,view,click,conversion}'
        when 'signed_in' then '{landing,view,swipe,click,conversion}'
        when 'newcomers' then '{landing,view,click,registration,conversion}'
    end;
    landed constant text := $query$
        select
            s.day, date_trunc('week', s.day)::date as week, date_trunc('month', s.day)::date as month, s.device_type, s.landing_page, s.utm_source,
            s.utm_medium, s.utm_campaign, s.is_first_visit, f.is_signed_in, f.person_number as who, s.step_1_at as at_1, s.step_2_at as at_2,
            s.step_3_at as at_3, s.step_4_at as at_4, s.step_5_at as at_5, s.step_1_at < $4 as is_over
        from analytics.session_steps as s
        left join staging.session_facts as f on f.session_number = s.session_number
        where s.day between $1 and $2 and s.path = $3 and not s.is_machine and not s.is_orphan
    $query$;
begin
    if steps is null then
        raise exception 'analytics.funnel has no path %', coalesce(path, 'NULL') using
            errcode = 'invalid_parameter_value', hint = 'Its paths: all, signed_in, newcomers.';
    end if;
    select * into g from pipeline.grouped_by(
        'analytics.funnel', first_day, last_day, by,
        '{day,week,month,device_type,landing_page,utm_source,utm_medium,utm_campaign,is_first_visit,is_signed_in}'
    );
    return query execute format(
        $query$
            with each as (
                select
                    %3$s s.who,
                    count(s.at_1) as r1, count(s.at_2) as r2, count(s.at_3) as r3, count(s.at_4) as r4, count(s.at_5) as r5,
                    count(s.at_1) filter (where s.is_over) as n1, count(s.at_2) filter (where s.is_over) as n2,
                    count(s.at_3) filter (where s.is_over) as n3, count(s.at_4) filter (where s.is_over) as n4,
                    count(s.at_5) filter (where s.is_over) as n5
                from (%4$s) as s
                group by %3$s s.who
            ),
            -- Most people have come once or twice: those who did alike are counted together.
            alike as (
                select %3$s e.r1, e.r2, e.r3, e.r4, e.r5, e.n1, e.n2, e.n3, e.n4, e.n5, count(*) as people
                from each as e
                group by %3$s e.r1, e.r2, e.r3, e.r4, e.r5, e.n1, e.n2, e.n3, e.n4, e.n5
            ),
            totals as (
                select
                    %1$s as cell, %3$s v.step, sum(a.people * v.reached)::bigint as sessions,
                    coalesce(sum(a.people) filter (where v.reached > 0), 0)::bigint as people, bool_and(a.n1 = a.r1) as is_mature,
                    sum(a.people * v.n)::bigint as n, sum(a.people * v.d)::bigint as d, sum(a.people * a.n1)::bigint as l,
                    coalesce(sum(a.people) filter (where v.n > 0), 0) as some, coalesce(sum(a.people) filter (where v.n < v.d), 0) as not_all,
                    coalesce(sum(a.people) filter (where v.n < a.n1), 0) as not_all_landed,
                    sum(a.people * v.n * v.n) as nn, sum(a.people * v.n * v.d) as nd, sum(a.people * v.d * v.d) as dd,
                    sum(a.people * v.d::numeric ^ 3) as ddd, sum(a.people * v.n * a.n1) as nl, sum(a.people * a.n1 * a.n1) as ll,
                    sum(a.people * a.n1::numeric ^ 3) as lll
                from alike as a
                cross join lateral (
                    values (1, a.r1, a.n1, null), (2, a.r2, a.n2, a.n1), (3, a.r3, a.n3, a.n2), (4, a.r4, a.n4, a.n3), (5, a.r5, a.n5, a.n4)
                ) as v (step, reached, n, d)
                where v.step <= cardinality($5)
                group by %3$s v.step
            ),
            times as (
                select %3$s v.step, v.seconds, v.in_all
                from (
                    select
                        %3$s percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.at_2 - s.at_1)::float8) as to_2,
                        percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.at_3 - s.at_2)::float8) as to_3,
                        percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.at_4 - s.at_3)::float8) as to_4,
                        percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.at_5 - s.at_4)::float8) as to_5,
                        percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.at_3 - s.at_1)::float8) as all_3,
                        percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.at_4 - s.at_1)::float8) as all_4,
                        percentile_cont(array[0.5, 0.9]) within group (order by extract(epoch from s.at_5 - s.at_1)::float8) as all_5
                    from (%4$s) as s
                    where s.is_over and s.at_2 is not null
                    group by %2$s
                ) as s
                cross join lateral (values (2, s.to_2, s.to_2), (3, s.to_3, s.all_3), (4, s.to_4, s.all_4), (5, s.to_5, s.all_5)) as v (step, seconds, in_all)
            ),
            judged as (
                select
                    t.*, case when t.n > 0 and t.step = 1 then '{0,0}' else l.seconds end as seconds,
                    case when t.n > 0 and t.step = 1 then '{0,0}' else l.in_all end as in_all,
                    analytics.design_effect(t.n, t.d, least(t.some, t.not_all), t.nn, t.nd, t.dd, t.ddd) as effect,
                    case when t.step > 1 then analytics.design_effect(t.n, t.l, least(t.some, t.not_all_landed), t.nn, t.nl, t.ll, t.lll) end as all_effect
                from totals as t
                left join times as l using (%3$s step)
            )
            select
                j.cell, j.step, $5[j.step], j.sessions, j.people, j.is_mature,
                j.n, j.d, analytics.rate(j.n, j.d), analytics.wilson_low(j.n / j.effect, j.d / j.effect),
                analytics.wilson_high(j.n / j.effect, j.d / j.effect), j.effect,
                analytics.rate(j.n, j.l),
                case when j.step = 1 then analytics.rate(j.n, j.l) else analytics.wilson_low(j.n / j.all_effect, j.l / j.all_effect) end,
                case when j.step = 1 then analytics.rate(j.n, j.l) else analytics.wilson_high(j.n / j.all_effect, j.l / j.all_effect) end,
                round(j.seconds[1]::numeric, 3), round(j.seconds[2]::numeric, 3), round(j.in_all[1]::numeric, 3), round(j.in_all[2]::numeric, 3)
            from judged as j
            order by j.cell, j.step
        $query$, g.cell, g.keys, g.listed, landed
    ) using first_day, last_day, path, now() - pipeline.setting('funnel_window_days')::int * interval '24 hours', steps;
end
$body$

-- query: the funnel by landing page, of first visits
--   select f.cell ->> 'landing_page' as landing_page, f.step, f.step_name, f.sessions, f.n, f.d, f.rate, f.low, f.high
--   from analytics.funnel(current_date - 120, current_date, array['landing_page', 'is_first_visit']) as f
--   where (f.cell ->> 'is_first_visit')::boolean
--   order by 1, 2
-- query: how long people take to each step, and where they are lost, week by week
--   select f.cell ->> 'week' as week, f.step_name, f.people, 1 - f.rate as lost, 1 - f.high as lost_at_least, 1 - f.low as lost_at_most, f.median_seconds
--   from analytics.funnel(current_date - 120, current_date, array['week'], 'signed_in') as f
--   order by 1, f.step
