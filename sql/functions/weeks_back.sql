-- What was counted on a day, then on the same weekday one week before, two weeks before, and so on: eight of them, 0 where nothing was.
-- kind: function
-- owner: team:data

-- `counts`: days and their counts, as {"2026-03-01": 12}; NULL where nothing was counted on any.
create or replace function pipeline.weeks_back(day date, counts jsonb)
returns bigint[]
language sql immutable parallel safe as $body$
    select array_agg(coalesce((counts ->> (day - 7 * w.back)::text)::bigint, 0) order by w.back) from generate_series(0, 8) as w (back)
$body$
