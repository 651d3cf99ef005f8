-- Whether no day of a table holds more than 10,000 rows; where one does, the dimension that has the most values on it. What the checks of sizes say.
-- kind: function
-- owner: team:data

-- A dimension that has as many values as a day has rows: a client writes ids where names belong.
create or replace function pipeline.no_day_explodes(of_table text, dimensions text[])
returns table (passed boolean, says text, days jsonb)
language plpgsql stable as $body$
begin
    return query execute format(
        $query$
            with large as (
                select d.day, d.rows from pipeline.days as d where d.table_name = $1 and d.rows > 10000 order by d.rows desc, d.day desc limit 20
            ),
            named as (
                select distinct on (l.day) l.day, l.rows, n.dimension, count(distinct n.value) as distinct_values
                from large as l
                join %s as r on r.day = l.day
                cross join jsonb_each_text(to_jsonb(r)) as n (dimension, value)
                where n.dimension = any($2)
                group by l.day, l.rows, n.dimension
                order by l.day, distinct_values desc, n.dimension
            )
            select
                not exists (select from large),
                coalesce(
                    (
                        select format('%%s has %%s values on %%s, which has %%s rows', n.dimension, n.distinct_values, n.day, n.rows)
                        from named as n order by n.rows desc limit 1
                    ),
                    'no day has more than 10,000 rows'
                ),
                (select coalesce(jsonb_agg(to_jsonb(n) order by n.day), '[]') from named as n)
        $query$, of_table::regclass
    ) using of_table, dimensions;
end
$body$
