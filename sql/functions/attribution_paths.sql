-- The paths of touches that led to the sales of a range of days, and of the people who came in these days and did not buy: a row a path, how often it was gone.
-- kind: function
-- owner: team:analytics

-- What chains of Markov and values of Shapley are computed from (`aclue revenue attribution`). Sales, touches and their limits are those of attribution_daily:
-- a path holds the values of `dimension` that a sale's person met within 30 days before it, in order. A path that led nowhere holds what a person met in
-- the range who bought nothing from then to now. Days are those of the reporting zone, of sales by the time of the sale, the first and the last counted.
-- Dimensions: source_page and affiliate_network (of clicks), utm_source, utm_medium and utm_campaign (of sessions); another name is refused.
-- Maturity: the younger the range, the more of not_converted have not bought yet.
-- Columns:
--   path  Values of the touches in order, the last before the sale at the end; {}: a sale without a touch.
--   currency  Currency of the sales' commission; NULL: no sale.
--   conversions,conversions_without_amount  Sales at the end of the path, and those of them without an amount yet. Additive.
--   commission  What was reported for them, in currency; NULL where nothing was. Additive within a currency.
--   not_converted  People whose path this was, and who did not buy. Additive within a call.
create or replace function analytics.attribution_paths(first_day date, last_day date, dimension text)
returns table (path text[], currency text, conversions bigint, conversions_without_amount bigint, commission numeric, not_converted bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $body$
declare
    zone constant text := pipeline.setting('timezone');
    of_clicks constant boolean := dimension in ('source_page', 'affiliate_network');
begin
    perform from pipeline.grouped_by(
        'analytics.attribution_paths', first_day, last_day, array[dimension], '{source_page,affiliate_network,utm_source,utm_medium,utm_campaign}'
    );
    return query execute format(
        $query$
            with sales as (
                select
                    c.click_id as sale_id, c.person_number, c.counted_converted_at as sold_at, c.currency, c.counted_commission as commission, %2$s as last_touch
                from staging.click_facts as c
                where c.counted_converted_at >= $1 and c.counted_converted_at < $2
                    and c.click_id = any(array(
                        select coalesce(k.kept_click_id, k.click_id) from staging.click_facts as k
                        where k.is_converted and k.converted_at >= $1 and k.converted_at < $2
                    ))
            ),
            touches as (%1$s),
            numbered as (
                select
                    l.*,
                    count(*) filter (where l.is_touch) over (
                        partition by l.person_number order by l.at, l.place, l.value_1 collate "C", l.value_2 collate "C", l.value_3 collate "C"
                        rows unbounded preceding
                    ) as n
                from (
                    select
                        t.person_number, t.at, 1 as place, true as is_touch, t.id, t.touch, t.value_1, t.value_2, t.value_3, null as currency,
                        null::numeric as commission
                    from touches as t
                    union all
                    select
                        s.person_number, case k.place when 0 then s.sold_at - interval '720 hours' else s.sold_at end, k.place, false, s.sale_id, '', '', '', '',
                        s.currency, s.commission
                    from sales as s cross join (values (0), (2)) as k (place)
                    where s.person_number is not null
                ) as l
            ),
            windows as (
                select w.person_number, w.id as sale_id, w.currency, w.commission, min(w.n) as before, max(w.n) as until
                from numbered as w where not w.is_touch group by 1, 2, 3, 4
            ),
            wanted as (
                select w.*, w.before + 1 as n from windows as w where w.until > w.before
                union all
                select w.*, g.n from windows as w cross join generate_series(greatest(w.before + 2, w.until - 98), w.until) as g (n)
            ),
            led as (
                select
                    t.currency, t.commission,
                    coalesce(array_agg(t.touch order by t.n) filter (where t.touch is not null), '{}') as path
                from (
                    select w.sale_id, w.currency, w.commission, w.n, t.touch
                    from wanted as w
                    join numbered as t on t.person_number = w.person_number and t.n = w.n and t.is_touch
                    where t.id is distinct from w.sale_id
                    union all
                    select s.sale_id, s.currency, s.commission, null, s.last_touch from sales as s
                ) as t
                group by t.sale_id, t.currency, t.commission
            ),
            bought as (
                select c.person_number, max(c.counted_converted_at) as last_at
                from staging.click_facts as c where c.counted_converted_at is not null group by 1
            ),
            came as (
                select
                    t.*, row_number() over w as n, count(*) over p as touches, min(t.at) over p as first_at
                from touches as t
                where t.at >= $1 and t.person_number is not null
                window p as (partition by t.person_number),
                    w as (partition by t.person_number order by t.at, t.value_1 collate "C", t.value_2 collate "C", t.value_3 collate "C")
            ),
            went as (
                select array_agg(t.touch order by t.n) as path
                from came as t
                left join bought as b on b.person_number = t.person_number
                where (t.n = 1 or t.n > t.touches - 99) and (b.last_at >= t.first_at) is not true
                group by t.person_number
            )
            select l.path, l.currency, count(*), count(*) filter (where l.commission is null), sum(l.commission), 0::bigint
            from led as l
            group by 1, 2
            union all
            select w.path, null, 0, 0, null, count(*) from went as w group by 1
            order by 1, 2
        $query$,
        format(
            case
                when of_clicks then $touches$
                    select
                        c.person_number, c.clicked_at as at, c.click_id as id, c.%1$I as touch, c.source_page as value_1, c.affiliate_network as value_2, '' as value_3
                    from staging.click_facts as c
                    where c.verdict = 'valid' and c.clicked_at >= $1 - interval '720 hours' and c.clicked_at < $2
                $touches$
                else $touches$
                    select
                        f.person_number, f.landed_at as at, null::uuid as id, f.%1$I as touch, f.utm_source as value_1, f.utm_medium as value_2, f.utm_campaign as value_3
                    from staging.session_facts as f
                    where not f.is_machine and not f.is_orphan and f.landed_at >= $1 - interval '720 hours' and f.landed_at < $2
                $touches$
            end, dimension
        ),
        case when of_clicks then format('c.%I', dimension) else 'null::text' end
    ) using analytics.day_start(first_day, zone), analytics.day_start(last_day + 1, zone);
end
$body$

-- query: the paths of campaign sources that led to most sales of the last ninety days
--   select p.path, p.currency, p.conversions, p.commission
--   from analytics.attribution_paths(current_date - 90, current_date - 1, 'utm_source') as p
--   where p.conversions > 0
--   order by p.conversions desc, p.path
-- query: how many touches there are before a sale
--   select cardinality(p.path) as touches, sum(p.conversions) as conversions
--   from analytics.attribution_paths(current_date - 90, current_date - 1, 'source_page') as p
--   where p.conversions > 0
--   group by 1
--   order by 1
