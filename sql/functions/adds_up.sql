-- Whether rows, counted by day, are those that a table's days hold: each in a day that is as it was counted, or in a named bucket. What the checks of sums say.
-- kind: function
-- owner: team:data

-- `counted`: per day (NULL: no day can be told) an object of day, rows, perhaps their commission, and whether the published day differs. Days that wait
-- for a rebuild, and days that stay as an earlier release published them, may differ; a day that was never built is wrong, but yesterday, which
-- the night builds: between midnight and then a sale of an older day brings these checks round.
create or replace function pipeline.adds_up(of_table text, what text, counted jsonb, first_day date, zone text)
returns table (passed boolean, says text, rows_in numeric, buckets jsonb, days jsonb)
language sql stable as $body$
    with placed as (
        select
            c.*,
            case
                when c.day is null then 'without a date'
                when exists (select from pipeline.dirty as x where x.table_name = of_table and x.day = c.day) then 'of days waiting for a rebuild'
                when d.day is not null and d.version is null then 'of days that stay as published'
                when d.day is not null then 'in days'
                when c.day < first_day then 'before the first day'
                when c.day >= analytics.local_day(now(), zone) - 1 then 'of days not built yet'
                else 'of days never built'
            end as bucket
        from jsonb_to_recordset(counted) as c (day date, rows bigint, commission numeric, differs boolean)
        left join pipeline.days as d on d.table_name = of_table and d.day = c.day
    ),
    wrong as (
        select p.day from placed as p where p.bucket = 'of days never built' or p.bucket = 'in days' and p.differs
    ),
    summed as (
        select p.bucket, sum(p.rows) as rows, sum(p.commission) as commission from placed as p group by p.bucket
    )
    select
        not exists (select from wrong),
        format(
            '%s %s = %s; %s days differ or were never built', coalesce(sum(s.rows), 0), what,
            coalesce(string_agg(s.rows || ' ' || s.bucket, ' + ' order by s.rows desc, s.bucket), '0 in days'), (select count(*) from wrong)
        ),
        coalesce(sum(s.rows), 0),
        coalesce(jsonb_object_agg(s.bucket, jsonb_strip_nulls(jsonb_build_object('rows', s.rows, 'commission', s.commission))), '{}'),
        (select coalesce(jsonb_agg(l.day order by l.day), '[]') from (select w.day from wrong as w order by w.day limit 40) as l)
    from summed as s
$body$
