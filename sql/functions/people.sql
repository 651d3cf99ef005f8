-- How many people were active in a range of days, by the dimensions asked for: a row a group, how many of them bought, with bounds.
-- kind: function
-- owner: team:analytics

-- Active is whoever has a session that landed, or a click, in the range and the group; machines' sessions and clicks are left out, sessions known from their
-- events only are not, since a person made them. Days are those of the reporting zone, the first and the last counted. People are counted once however often
-- they come, so that no number of people may be summed: ask for the range and the grouping that you mean.
-- Dimensions: `by` names any of day, week (its Monday), month (its first day), device_type, utm_source, utm_medium and utm_campaign, of the session or of the
-- click; another name is refused. With none there is one row of all.
-- First time: whose first session or click since ACLUE_FIRST_DAY is one of the group's; the others return. What was before that day is nowhere.
-- Maturity: is_mature says whether the days of the group are over, and the windows of its clicks by their networks (staging.networks); else n, d and the rate
-- are NULL: who came last has had least time to buy.
-- Bounds: 95 %, Wilson's; each person is one case, and people are independent of one another.
-- Money: in `currency`; where the clicks of a group are in several, currency and commission are NULL.
-- Columns:
--   cell  The group, each dimension asked for with its value: `cell ->> 'utm_campaign'`.
--   people,first_time,returning_people  Distinct people active in it, of them those who came for the first time, and the others. Not additive.
--   people_with_session,people_with_click,converting_people  Of the people: with a session, with a valid click, with one that sold, to now. Not additive.
--   is_mature  Whether nothing more can come: see above.
--   n,d,rate,low,high  Converting people of people, with bounds; NULL where immature.
--   sessions,clicks,conversions  Sessions, valid clicks, and those of the clicks that sold, to now. Additive over groups.
--   currency,commission  Sum reported for the clicks, to now, in currency; 0 where nothing sold, NULL where something did and no amount is known.
--   median_sessions,p90_sessions  Sessions of each of people_with_session.
create or replace function analytics.people(first_day date, last_day date, by text[] default '{}')
returns table (
    cell jsonb, people bigint, first_time bigint, returning_people bigint, people_with_session bigint, people_with_click bigint, converting_people bigint,
    is_mature boolean, n bigint, d bigint, rate numeric, low numeric, high numeric,
    sessions bigint, clicks bigint, conversions bigint, currency text, commission numeric, median_sessions numeric, p90_sessions numeric
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set work_mem = '64MB' as $body$
declare
    g record;
    zone constant text := pipeline.setting('timezone');
    begins constant date := pipeline.setting('first_day');
begin
    select * into g from pipeline.grouped_by(
        'analytics.people', first_day, last_day, by, '{day,week,month,device_type,utm_source,utm_medium,utm_campaign}'
    );
    return query execute format(
        $query$
            with acts as (
                select a.*, date_trunc('week', a.day)::date as week, date_trunc('month', a.day)::date as month
                from (
                    select
                        s.person_number as who, s.landed_at as at, analytics.local_day(s.landed_at, $3) as day, s.device_type, s.utm_source, s.utm_medium,
                        s.utm_campaign, true as is_session, false as is_click, false as is_sold, null::numeric as paid, null as currency, true as is_over
                    from staging.session_facts as s
                    where s.landed_at >= $1 and s.landed_at < $2 and not s.is_machine
                    union all
                    select
                        c.person_number, c.clicked_at, analytics.local_day(c.clicked_at, $3), c.device_type, c.utm_source, c.utm_medium, c.utm_campaign,
                        false, c.verdict = 'valid', c.counted_as_converted, c.counted_commission, c.currency collate "C",
                        c.clicked_at + analytics.attribution_window(c.affiliate_network) * interval '24 hours' < now()
                    from staging.click_facts as c
                    where c.clicked_at >= $1 and c.clicked_at < $2 and c.verdict in ('valid', 'repeat')
                ) as a
            ),
            each as (
                select
                    %3$s a.who, min(a.at) as first_at, max(a.day) as last_day, bool_and(a.is_over) as is_over,
                    count(*) filter (where a.is_session) as sessions, count(*) filter (where a.is_click) as clicks,
                    count(*) filter (where a.is_sold) as sold, min(a.currency) as first_currency, max(a.currency) as last_currency, sum(a.paid) as paid
                from acts as a
                group by %3$s a.who
            ),
            totals as (
                select
                    %1$s as cell, count(r.who) as people, count(*) filter (where r.first_at = b.first_here_at) as first_time,
                    count(r.who) filter (where r.sessions > 0) as with_session, count(r.who) filter (where r.clicks > 0) as with_click,
                    count(r.who) filter (where r.sold > 0) as converting,
                    coalesce(bool_and(r.is_over) and max(r.last_day) < analytics.local_day(now(), $3), $2 <= now()) as is_mature,
                    coalesce(sum(r.sessions), 0)::bigint as sessions, coalesce(sum(r.clicks), 0)::bigint as clicks, coalesce(sum(r.sold), 0)::bigint as sold,
                    case when min(r.first_currency) = max(r.last_currency) then min(r.first_currency) end as one_currency, sum(r.paid) as paid,
                    percentile_cont(array[0.5, 0.9]) within group (order by r.sessions) filter (where r.sessions > 0 and r.who is not null) as each_sessions
                from each as r
                left join staging.person_facts as b on b.person_number = r.who
                group by %2$s
            )
            select
                t.cell, t.people, t.first_time, t.people - t.first_time, t.with_session, t.with_click, t.converting,
                t.is_mature, m.n, m.d, analytics.rate(m.n, m.d), analytics.wilson_low(m.n, m.d), analytics.wilson_high(m.n, m.d),
                t.sessions, t.clicks, t.sold, t.one_currency collate "default",
                case when t.one_currency is not null or t.clicks = 0 then coalesce(t.paid, case when t.sold = 0 then 0 end) end,
                round(t.each_sessions[1]::numeric, 3), round(t.each_sessions[2]::numeric, 3)
            from totals as t
            left join lateral (select t.converting as n, t.people as d where t.is_mature) as m on true
            order by t.cell
        $query$, g.cell, g.keys, g.listed
    ) using
        analytics.day_start(greatest(first_day, begins), zone), analytics.day_start(last_day + 1, zone), zone;
end
$body$

-- query: how many people came each week, how many of them for the first time, and how many bought
--   select p.cell ->> 'week' as week, p.people, p.first_time, p.returning_people, p.converting_people, p.rate, p.low, p.high
--   from analytics.people(current_date - 120, current_date, array['week']) as p
-- query: whether one campaign's people buy more often than another's
--   select p.cell ->> 'utm_campaign' as campaign, p.d as people, p.n as converting, p.rate, p.low, p.high
--   from analytics.people(current_date - 150, current_date - 91, array['utm_campaign']) as p
--   order by p.d desc
