-- Lower end of Wilson's 95 % interval of the rate n / d; NULL where d is 0.
-- kind: function
-- owner: team:data

-- E. B. Wilson (1927), J. Am. Stat. Assoc. 22: (n + z²/2 − z √(n (d − n) / d + z²/4)) / (d + z²), z = 1.959964. The n cases must be independent:
-- where one person makes several, give the effective number, or the interval is too narrow.
create or replace function analytics.wilson_low(n numeric, d numeric) returns numeric
language sql immutable parallel safe
return round(
    (n + 1.959964 * 1.959964 / 2 - 1.959964 * sqrt(n * (d - n) / nullif(d, 0) + 1.959964 * 1.959964 / 4))
    / (d + 1.959964 * 1.959964), 6
)
