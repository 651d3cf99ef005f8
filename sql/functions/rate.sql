-- n / d, exact to six decimals; NULL where d is 0 or either is not known: a rate of nothing is not 0.
-- kind: function
-- owner: team:data
create or replace function analytics.rate(n numeric, d numeric) returns numeric
language sql immutable parallel safe
return round(n / nullif(d, 0), 6)
