-- Upper end of Wilson's 95 % interval of the rate n / d; NULL where d is 0.
-- kind: function
-- owner: team:data

-- See wilson_low, from which it differs in one sign.
create or replace function analytics.wilson_high(n numeric, d numeric) returns numeric
language sql immutable parallel safe
return round(
    (n + 1.959964 * 1.959964 / 2 + 1.959964 * sqrt(n * (d - n) / nullif(d, 0) + 1.959964 * 1.959964 / 4))
    / (d + 1.959964 * 1.959964), 6
)
