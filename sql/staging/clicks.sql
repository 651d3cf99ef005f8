-- One row per row of public.affiliate_clicks: what is to be thought of it (its verdict), who made it, what it brought.
-- kind: view
-- grain: click_id
-- owner: team:data

-- The verdict is exactly one of four, judged in this order:
--   no_date    No click time: it belongs to no day, and nothing can be said about what came before it.
--   bot        The user agent names a machine: one of the words below in it, or a program's name in front (Cubot is a
--              telephone). None given: taken for a person.
--   duplicate  The same person clicked the same product at most 2 seconds after a click that was kept. Of clicks at 0, 1.5 and
--              3 seconds the second repeats the first and is set aside; the third follows the first by more than 2 and is kept.
--              At the same instant the smaller id comes first. Bots' clicks repeat nothing and are repeated by nothing, nor
--              are clicks on no product. From the 101st click without a pause of more than 2 seconds on, all are duplicates:
--              nobody means one product so often, and the walk back has an end.
--   valid      All others.
-- The person is the user, else the anonymous id, else the session (no stitching yet).
-- A range of click_timestamp reaches the table's index: looking back is one index probe a row, the walk only where that hits.
with judged as not materialized (
    select
        c.id as id,
        c.click_timestamp as at,
        c.product_id as product_id,
        coalesce(c.user_id::text, nullif(c.anonymous_id, ''), c.session_id) as person_id,
        coalesce(
            (
                lower(c.user_agent) like any (array['%bot%', '%crawl%', '%spider%', '%http%', '%headless%'])
                and c.user_agent not ilike '%cubot%'
            )
            or (
                c.user_agent not like 'Mozilla/%'
                and c.user_agent ~* '^(curl|wget|python|java/|go-|libwww|apache|scrapy|node|axios|phantom)'
            ),
            false
        ) as is_bot,
        c.user_id as user_id,
        c.session_id as session_id,
        c.affiliate_network as affiliate_network,
        c.source_page as source_page,
        c.device_type as device_type,
        c.utm_source as utm_source,
        c.utm_medium as utm_medium,
        c.utm_campaign as utm_campaign,
        c.is_converted as is_converted,
        c.conversion_timestamp as conversion_timestamp,
        c.expected_commission as expected_commission,
        c.actual_commission as actual_commission,
        c.order_id as order_id,
        c.updated_at as updated_at
    from public.affiliate_clicks as c
)
select
    j.id as click_id, -- The click's id in public.affiliate_clicks.
    j.at as click_timestamp, -- When it was made; NULL: never recorded (verdict no_date).
    case
        when j.at is null then 'no_date'
        when j.is_bot then 'bot'
        when not exists (
            select 1
            from judged as e
            where e.id <> j.id
                and e.product_id = j.product_id
                and e.at between j.at - interval '2 seconds' and j.at
                and (e.at, e.id) < (j.at, j.id)
                and e.person_id = j.person_id
                and not e.is_bot
        ) then 'valid'
        when (
            with recursive run as (
                select j.at as at, j.id as id, 0 as steps
                union all
                select b.at as at, b.id as id, r.steps + 1 as steps
                from run as r
                cross join lateral (
                    select e.at as at, e.id as id
                    from judged as e
                    where e.product_id = j.product_id
                        and e.at between r.at - interval '2 seconds' and r.at
                        and (e.at, e.id) < (r.at, r.id)
                        and e.person_id = j.person_id
                        and not e.is_bot
                    order by e.at desc, e.id desc
                    limit 1
                ) as b
                where r.steps < 100
            ),
            kept as (
                select min(r.at) as at from run as r where r.steps > 0
                union all
                select (
                    select min(r.at) from run as r where r.steps > 0 and r.at > k.at + interval '2 seconds'
                ) as at
                from kept as k
                where k.at is not null
            )
            select max(k.at) >= j.at - interval '2 seconds' or (select max(r.steps) from run as r) = 100
            from kept as k
        ) then 'duplicate'
        else 'valid'
    end as verdict, -- valid, duplicate, bot or no_date, by the rules above.
    j.is_bot as is_bot, -- Whether its user agent names a machine, dated or not.
    j.person_id as person_id, -- Who clicked: the user's id, else the anonymous id, else the session's name. [pii]
    j.user_id as user_id, -- User who was signed in; NULL: an anonymous visitor, or an account deleted since. [pii]
    j.product_id as product_id, -- Product whose link it was; NULL: a link that belongs to no product.
    j.session_id as session_id, -- Browser session, as in public.session_analytics if that row exists.
    coalesce(p.currency, '(not set)') as currency, -- Currency of its amounts, the product's (ISO 4217); '(not set)' where it has none.
    coalesce(nullif(j.affiliate_network, ''), '(not set)') as affiliate_network, -- Network that pays; '(not set)' where not recorded.
    coalesce(nullif(j.source_page, ''), '(not set)') as source_page, -- Page of the app it was made on; '(not set)' where not recorded.
    coalesce(nullif(j.device_type, ''), '(not set)') as device_type, -- Kind of device; '(not set)' where not recorded.
    coalesce(nullif(j.utm_source, ''), '(not set)') as utm_source, -- Campaign source of the visit; '(not set)' where none.
    coalesce(nullif(j.utm_medium, ''), '(not set)') as utm_medium, -- Campaign medium of the visit; '(not set)' where none.
    coalesce(nullif(j.utm_campaign, ''), '(not set)') as utm_campaign, -- Campaign of the visit; '(not set)' where none.
    j.is_converted is true as is_converted, -- Whether the network reported a sale; not known counts as no.
    j.conversion_timestamp as conversion_timestamp, -- When the sale happened; NULL: none reported, or without its time.
    j.expected_commission as expected_commission, -- Amount it would earn if it led to a sale; NULL: not estimated, which is not 0.
    j.actual_commission as actual_commission, -- Amount the network reported; 0 after a reversal; NULL: not reported, which is not 0.
    nullif(j.order_id, '') as order_id, -- The network's order number; NULL: none reported, an order of its own.
    j.updated_at as updated_at -- When the row last changed; NULL: loaded without it.
from judged as j
left join staging.products as p on p.product_id = j.product_id
