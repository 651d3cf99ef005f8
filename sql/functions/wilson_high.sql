-- Upper end of Wilson's 95 % interval of the rate n / d, to nine decimals; NULL where d is 0.
-- kind: function
-- owner: team:data

-- See wilson_low, from which it differs in one sign.
create or replace function analytics.wilson_high(n numeric, d numeric) returns numeric
language sql immutable parallel safe
return round(
    (n + 1.920729410347063 + 1.959963984540054 * sqrt(n * (d - n) / nullif(d, 0) + 0.960364705173532)) / (d + 3.841458820694126), 9
)
