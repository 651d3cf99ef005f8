-- The dimensions that somebody asked a report function for, as SQL: the group as jsonb, what to group by, the same as columns of a list, and what joins by them.
-- kind: function
-- owner: team:data

-- Refused by name: what is not among `known`; a range without an end, or that ends before it begins. Names are quoted, and none but known ones get here.
create or replace function pipeline.grouped_by(of_function text, first_day date, last_day date, by text[], known text[])
returns table (cell text, keys text, listed text, same text)
language plpgsql stable as $body$
declare
    unknown text := (select u.name from unnest(by) as u (name) where not coalesce(u.name = any(known), false) limit 1);
begin
    if unknown is not null or array_position(by, null) is not null then
        raise exception '% has no dimension %', of_function, coalesce(unknown, 'NULL') using
            errcode = 'invalid_parameter_value', hint = format('Its dimensions: %s.', array_to_string(known, ', '));
    end if;
    if not coalesce(first_day <= last_day, false) or not isfinite(first_day) or not isfinite(last_day) then
        raise exception '%: no range of days begins on % and ends on %', of_function, coalesce(first_day::text, 'NULL'), coalesce(last_day::text, 'NULL')
            using errcode = 'invalid_parameter_value', hint = 'Both days are counted; the last may be the first, and not before it.';
    end if;
    return query
    select
        format('jsonb_build_object(%s)', string_agg(format('%1$L, %1$I', u.name), ', ' order by u.place)),
        coalesce(string_agg(format('%I', u.name), ', ' order by u.place), '()'),
        coalesce(string_agg(format('%I, ', u.name), '' order by u.place), ''),
        coalesce('using (' || string_agg(format('%I', u.name), ', ' order by u.place) || ')', 'on true')
    from (select n.name, min(n.place) as place from unnest(by) with ordinality as n (name, place) group by n.name) as u;
end
$body$
