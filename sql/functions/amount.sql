-- The amount, where it is one; NULL for none, NaN and infinity, which would make every sum that holds them meaningless.
-- kind: function
-- owner: team:data
create or replace function analytics.amount(said numeric) returns numeric
language sql immutable parallel safe
return case when said < 'infinity'::numeric and said > '-infinity'::numeric then said end
