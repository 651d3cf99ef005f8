-- One day of attribution_daily as a person would write it for that day alone, each sale with its touches, however many. Parameters: start, stop.
with sales as (
    select
        c.click_id as sale_id, date '2026-01-15' as day, c.currency, c.person_number, c.counted_converted_at as sold_at, c.clicked_at, c.source_page, c.affiliate_network,
        c.counted_commission as commission
    from staging.click_facts as c
    where c.counted_converted_at >= :start and c.counted_converted_at < :stop
        and c.click_id = any(array(
            select coalesce(k.kept_click_id, k.click_id) from staging.click_facts as k
            where k.is_converted and k.converted_at >= :start and k.converted_at < :stop
        ))
),
touches as (
    select
        'click' as kind, s.sale_id, s.day, s.currency, s.commission,
        row_number() over (partition by s.sale_id order by c.clicked_at, c.source_page collate "C", c.affiliate_network collate "C") as n,
        s.sold_at, c.clicked_at as at, c.source_page as value_1, c.affiliate_network as value_2, '' as value_3
    from sales as s
    join staging.click_facts as c on c.person_number = s.person_number and c.verdict = 'valid' and c.click_id <> s.sale_id
        and c.clicked_at >= s.sold_at - interval '720 hours' and c.clicked_at <= s.sold_at
    union all
    select
        'session', s.sale_id, s.day, s.currency, s.commission,
        row_number() over (partition by s.sale_id order by f.landed_at, f.utm_source collate "C", f.utm_medium collate "C", f.utm_campaign collate "C"),
        s.sold_at, f.landed_at, f.utm_source, f.utm_medium, f.utm_campaign
    from sales as s
    join staging.session_facts as f on f.person_number = s.person_number and not f.is_machine and not f.is_orphan
        and f.landed_at >= s.sold_at - interval '720 hours' and f.landed_at <= s.sold_at
    union all
    select 'click', s.sale_id, s.day, s.currency, s.commission, null, s.sold_at, s.clicked_at, s.source_page, s.affiliate_network, ''
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
    from sales as u
    cross join (values ('utm_source'), ('utm_medium'), ('utm_campaign')) as d (dimension)
    where u.sale_id not in (select t.sale_id from touches as t where t.kind = 'session')
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
    x.day, x.currency, x.dimension, x.model, x.touch,
    (sum(x.millionths) * 0.000001)::numeric as conversions,
    (coalesce(sum(x.millionths) filter (where x.commission is null), 0) * 0.000001)::numeric as conversions_without_amount,
    sum(x.commission) as commission
from shares as x
group by x.day, x.currency, x.dimension, x.model, x.touch
