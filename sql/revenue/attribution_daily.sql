-- One row per conversion day, currency, dimension, model and touch: how much of the sales of that day the model credits to that page, network or campaign.
-- kind: daily
-- grain: day, currency, dimension, model, touch
-- clock: conversion time of the sale (reporting zone); of a click whose repeats sold too, the earliest of theirs
-- reads: touched_sale_day
-- owner: team:analytics

-- Sales: those reported for valid clicks and their repeats, one a valid click, as revenue_daily counts them. Sales of machines' clicks are in none of its
-- rows; a sale without a time belongs to no day and is in the bucket 'without a date' of the check attribution_adds_up.
-- Touches: what the same person did within 30 days (720 hours, both ends included) before the sale, up to and at the time of the sale.
--   source_page, affiliate_network   valid clicks. The last touch is the click that carries the sale, whatever came after it and however long ago it was, so
--                                    that model last says what each page and network was paid.
--   utm_source, utm_medium, utm_campaign   sessions by their landing, of people, whose start was recorded (orphans do not say where they came from).
-- Of more than 100 touches of a kind the first and the latest 99 count, and the click that carries the sale. Touches at the same instant are in the order
-- of their values. '(not set)' is a touch as any other: a visit that came directly, a page that was not recorded.
-- Models: how a sale is shared among its touches; touches of the same value are one row.
--   first, last       all to the first touch, or to the last.
--   last_non_direct   all to the last touch that is not '(not set)'; where all are, to '(not set)'.
--   linear            the same to each touch.
--   position          40 % to the first touch, 40 % to the last, 20 % to those between, evenly; of two touches half to each.
--   time_decay        each touch weighs half of one that is 7.5 days nearer to the sale.
-- Rounding: each sale is shared in whole millionths, and its commission in whole units of its own last decimal (a penny, or finer where the network says
-- finer), by largest remainder; remainders that are equal go to the value that comes first in the alphabet. So every dimension and every model sum to the
-- sales and to their commission exactly: never sum over dimensions or models.
-- Unattributed: a sale without a touch is the touch '(unattributed)', in every model; it happens with sessions only, since a sale has a click.
-- Which days: calendar days of the reporting zone, setting ACLUE_TIMEZONE (default Europe/London). A day moves when sales of it are reported or settled
-- late, and when somebody turns out to be a person who had other visits before.
-- Markov chains and Shapley values need all paths of a range at once and are no table: `aclue revenue attribution`.
-- A sale's columns are carried along, so that nothing is joined to sales again: how many there are, the planner does not know.
with sales as (
    select
        c.click_id as sale_id,
        analytics.local_day(c.counted_converted_at, :timezone) as day,
        c.currency as currency,
        c.counted_commission as commission,
        c.person_number as person_number,
        c.counted_converted_at as sold_at,
        c.clicked_at as clicked_at,
        c.source_page as source_page,
        c.affiliate_network as affiliate_network
    from staging.click_facts as c
    where c.counted_converted_at >= :range_start and c.counted_converted_at < :range_end
        -- Said once more of the click that was reported, whose time has an index.
        and c.click_id = any(array(
            select coalesce(k.kept_click_id, k.click_id)
            from staging.click_facts as k
            where k.is_converted and k.converted_at >= :range_start and k.converted_at < :range_end
        ))
),
-- Everything on each person's line of time: a window opens, touches (place 1), the window closes with the sale.
line as (
    select
        'click' as kind, c.person_number as person_number, c.clicked_at as at, 1 as place, true as is_touch, c.click_id as id,
        c.source_page as value_1, c.affiliate_network as value_2, '' as value_3,
        null::date as day, null as currency, null::numeric as commission
    from staging.click_facts as c
    where c.person_number in (select s.person_number from sales as s)
        and c.verdict = 'valid' and c.clicked_at >= :range_start - interval '720 hours' and c.clicked_at < :range_end
    union all
    select
        'session' as kind, f.person_number, f.landed_at as at, 1 as place, true as is_touch, null as id,
        f.utm_source as value_1, f.utm_medium as value_2, f.utm_campaign as value_3,
        null as day, null as currency, null as commission
    from staging.session_facts as f
    where f.person_number in (select s.person_number from sales as s)
        and not f.is_machine and not f.is_orphan
        and f.landed_at >= :range_start - interval '720 hours' and f.landed_at < :range_end
    union all
    select
        k.kind, s.person_number, case k.place when 0 then s.sold_at - interval '720 hours' else s.sold_at end as at, k.place, false as is_touch,
        s.sale_id as id, '' as value_1, '' as value_2, '' as value_3, s.day, s.currency, s.commission
    from sales as s
    cross join (values ('click', 0), ('click', 2), ('session', 0), ('session', 2)) as k (kind, place)
    where s.person_number is not null
),
numbered as (
    select
        l.*,
        count(*) filter (where l.is_touch) over (
            partition by l.kind, l.person_number
            order by l.at, l.place, l.value_1 collate "C", l.value_2 collate "C", l.value_3 collate "C"
            rows unbounded preceding
        ) as n
    from line as l
),
windows as (
    select
        w.kind, w.person_number, w.id as sale_id, w.day, w.currency, w.commission, max(w.at) as sold_at, min(w.n) as before, max(w.n) as until
    from numbered as w
    where not w.is_touch
    group by 1, 2, 3, 4, 5, 6
),
-- By their numbers, so that whoever has many touches and many sales costs no pair of them but these.
wanted as (
    select w.*, w.before + 1 as n
    from windows as w
    where w.until > w.before
    union all
    select w.*, g.n
    from windows as w
    cross join generate_series(greatest(w.before + 2, w.until - 98), w.until) as g (n)
),
touches as (
    select w.kind, w.sale_id, w.day, w.currency, w.commission, w.n, w.sold_at, t.at, t.value_1, t.value_2, t.value_3
    from wanted as w
    join numbered as t on t.kind = w.kind and t.person_number = w.person_number and t.n = w.n and t.is_touch
    where t.id is distinct from w.sale_id
    union all
    select
        'click' as kind, s.sale_id, s.day, s.currency, s.commission, null as n, s.sold_at, s.clicked_at as at,
        s.source_page as value_1, s.affiliate_network as value_2, '' as value_3
    from sales as s
),
paths as (
    select
        t.*,
        row_number() over (partition by t.sale_id, t.kind order by t.n) as place,
        count(*) over (partition by t.sale_id, t.kind) as length,
        greatest(1, 1000000000 * power(2::float8, -greatest(0, extract(epoch from t.sold_at - t.at))::float8 / 648000))::bigint as nearness
    from touches as t
),
-- What a value's touches amount to in a path: where the first and the last of them stand, and how they weigh.
values_of as (
    select
        p.sale_id, p.day, p.currency, p.commission, d.dimension, d.touch, p.length,
        count(*) as touches, min(p.place) as first_place, max(p.place) as last_place, sum(p.nearness)::bigint as nearness
    from paths as p
    cross join lateral (
        values
        ('click', 'source_page', p.value_1), ('click', 'affiliate_network', p.value_2),
        ('session', 'utm_source', p.value_1), ('session', 'utm_medium', p.value_2), ('session', 'utm_campaign', p.value_3)
    ) as d (kind, dimension, touch)
    where d.kind = p.kind
    group by 1, 2, 3, 4, 5, 6, 7
    union all
    select
        u.sale_id, u.day, u.currency, u.commission, d.dimension, '(unattributed)' as touch, 1 as length,
        1 as touches, 1 as first_place, 1 as last_place, 1 as nearness
    from (
        select w.sale_id, w.day, w.currency, w.commission from windows as w where w.kind = 'session' and w.until = w.before
        union all
        select s.sale_id, s.day, s.currency, s.commission from sales as s where s.person_number is null
    ) as u
    cross join (values ('utm_source'), ('utm_medium'), ('utm_campaign')) as d (dimension)
),
compared as (
    select
        v.*,
        (v.first_place = 1)::int + (v.last_place = v.length)::int as ends,
        count(*) over (partition by v.sale_id, v.dimension) as values_in_path,
        max(v.last_place) filter (where v.touch <> '(not set)') over (partition by v.sale_id, v.dimension) as last_named_place
    from values_of as v
),
weighed as (
    select
        c.sale_id, c.day, c.currency, c.commission, ('1e-' || greatest(2, min_scale(c.commission)))::numeric as unit,
        c.dimension, c.touch, m.model, m.weight, m.is_whole
    from compared as c
    cross join lateral (
        values
        ('first', (c.first_place = 1)::int, true),
        ('last', (c.last_place = c.length)::int, true),
        ('last_non_direct', (c.touch <> '(not set)' and c.last_place = c.last_named_place or c.last_named_place is null)::int, true),
        ('linear', c.touches, c.values_in_path = 1),
        ('position', case when c.length < 3 then c.touches else c.touches - c.ends + c.ends * 2 * (c.length - 2) end, c.values_in_path = 1),
        ('time_decay', c.nearness, c.values_in_path = 1)
    ) as m (model, weight, is_whole)
    where m.weight > 0
),
divided as (
    select
        w.sale_id, w.day, w.currency, w.dimension, w.touch, w.model, w.commission, w.unit,
        w.weight * 1000000 / w.weights as millionths,
        w.weight * 1000000 % w.weights as millionths_left,
        div(abs(w.commission) / w.unit * w.weight, w.weights) as units,
        mod(abs(w.commission) / w.unit * w.weight, w.weights) as units_left
    from (
        select w.*, (sum(w.weight) over (partition by w.sale_id, w.dimension, w.model))::bigint as weights
        from weighed as w
        where not w.is_whole
    ) as w
),
shares as (
    select w.day, w.currency, w.dimension, w.touch, w.model, 1000000 as millionths, w.commission
    from weighed as w
    where w.is_whole
    union all
    select
        d.day, d.currency, d.dimension, d.touch, d.model,
        d.millionths + (
            row_number() over (partition by d.sale_id, d.dimension, d.model order by d.millionths_left desc, d.touch collate "C")
            <= 1000000 - sum(d.millionths) over (partition by d.sale_id, d.dimension, d.model)
        )::int as millionths,
        sign(d.commission) * d.unit * (
            d.units + (
                row_number() over (partition by d.sale_id, d.dimension, d.model order by d.units_left desc, d.touch collate "C")
                <= abs(d.commission) / d.unit - sum(d.units) over (partition by d.sale_id, d.dimension, d.model)
            )::int
        ) as commission
    from divided as d
)
select
    x.day as day, -- Calendar day of the sale in the reporting zone.
    x.currency as currency, -- Currency of the row's commission (ISO 4217), the product's when the click was first seen; '(not set)' where it had none.
    x.dimension::text as dimension, -- source_page, affiliate_network, utm_source, utm_medium or utm_campaign: by what touches are told apart. Choose one.
    x.model::text as model, -- first, last, last_non_direct, linear, position or time_decay, as above. Choose one.
    x.touch::text as touch, -- The touches' value of the dimension; '(not set)' where none was recorded, '(unattributed)': the sale had no touch.
    (sum(x.millionths) * 0.000001)::numeric as conversions, -- Sales of the day credited to the touch, in parts of a sale to six decimals. Additive within a
                                                          -- dimension and model.
    (coalesce(sum(x.millionths) filter (where x.commission is null), 0) * 0.000001)::numeric
        as conversions_without_amount, -- Those of them for which no amount has been reported yet. Additive within a dimension and model.
    sum(x.commission) as commission -- The part of their commission credited to it, in currency, to now; NULL where no amount has been reported. Additive
                                    -- within a currency, dimension and model.
from shares as x
group by x.day, x.currency, x.dimension, x.model, x.touch

-- query: first- and last-touch by page
--   select
--       a.touch as page,
--       a.currency,
--       sum(a.conversions) filter (where a.model = 'first') as first_touch_sales,
--       sum(a.commission) filter (where a.model = 'first') as first_touch_commission,
--       sum(a.conversions) filter (where a.model = 'last') as last_touch_sales,
--       sum(a.commission) filter (where a.model = 'last') as last_touch_commission
--   from analytics.attribution_daily as a
--   where a.dimension = 'source_page'
--   group by 1, 2
--   order by last_touch_commission desc nulls last, page, currency
-- query: what campaigns are credited with by each model, month by month
--   select date_trunc('month', a.day)::date as month, a.currency, a.touch as campaign, a.model, sum(a.conversions) as conversions, sum(a.commission) as commission
--   from analytics.attribution_daily as a
--   where a.dimension = 'utm_campaign'
--   group by 1, 2, 3, 4
--   order by 1, 2, 3, 4
-- query: which share of the commission follows no session whose source is known
--   select a.day, a.currency, analytics.rate(sum(a.commission) filter (where a.touch = '(unattributed)'), sum(a.commission)) as unattributed
--   from analytics.attribution_daily as a
--   where a.dimension = 'utm_source' and a.model = 'last'
--   group by 1, 2
--   order by 1, 2
