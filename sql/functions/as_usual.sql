-- Whether a day's count is about what that weekday's has been: what the checks of events as usual say.
-- kind: function
-- owner: team:data

-- `counts`: the day's, then that of the same weekday one week before, two weeks before, and so on; weeks before the oldest that holds anything do not count.
-- Counts are compared by 2·√(x + ⅜), on which chance has the same spread whatever their size: the middle of the weeks before, five spreads either way. A
-- spread is chance's own, the weeks' own (by their median deviation, so that one flooded week does not hide the next), or a tenth, whichever is largest: half
-- of the usual, or half as much again, is the least that is told. Below 30 nothing is too many, and four weeks are needed to know what is usual.
create or replace function pipeline.as_usual(what text, day date, counts bigint[])
returns table (passed boolean, says text, counted bigint, usual bigint, at_least bigint, at_most bigint, weeks bigint)
language sql immutable as $body$
    with before as (
        select u.counted, u.place, 2 * sqrt(u.counted + 0.375) as height
        from unnest(counts[2:]) with ordinality as u (counted, place)
    ),
    known as (
        select b.counted, b.height from before as b where b.place <= (select max(o.place) from before as o where o.counted > 0)
    ),
    middle as (
        select count(*) as weeks, percentile_cont(0.5) within group (order by k.height) as height from known as k
    ),
    spread as (
        select greatest(1, m.height / 20, 1.4826 * percentile_cont(0.5) within group (order by abs(k.height - m.height))) as width
        from known as k, middle as m
        group by m.height
    ),
    bounds as (
        select
            m.weeks,
            round((m.height / 2) ^ 2 - 0.375)::bigint as usual,
            ceil(greatest((greatest(m.height - 5 * s.width, 0) / 2) ^ 2 - 0.375, 0))::bigint as at_least,
            floor(greatest(((m.height + 5 * s.width) / 2) ^ 2 - 0.375, 30))::bigint as at_most
        from middle as m
        left join spread as s on true
    )
    select
        b.weeks < 4 or counts[1] between b.at_least and b.at_most,
        case
            when b.weeks < 4 then format('%s %s on %s; nothing to judge yet: that weekday is known of %s weeks, four are needed', counts[1], what, as_usual.day, b.weeks)
            else format(
                '%s %s on %s%s: usual on that weekday are %s, expected %s to %s', counts[1], what, as_usual.day,
                case when counts[1] < b.at_least then ', too few' when counts[1] > b.at_most then ', too many' else '' end, b.usual, b.at_least, b.at_most
            )
        end,
        counts[1], b.usual, b.at_least, b.at_most, b.weeks
    from bounds as b
$body$
