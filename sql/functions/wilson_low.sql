-- Lower end of Wilson's 95 % interval of the rate n / d, to nine decimals; NULL where d is 0.
-- kind: function
-- owner: team:data

-- E. B. Wilson (1927), J. Am. Stat. Assoc. 22: (n + z²/2 − z √(n (d − n) / d + z²/4)) / (d + z²), z = 1.95996…, of which half is 0.97998… and the square
-- 3.84145…. The n cases must be independent: where one person makes several, divide both n and d by analytics.design_effect, or the interval is too narrow.
create or replace function analytics.wilson_low(n numeric, d numeric) returns numeric
language sql immutable parallel safe
return round(
    (n + 1.920729410347063 - 1.959963984540054 * sqrt(n * (d - n) / nullif(d, 0) + 0.960364705173532)) / (d + 3.841458820694126), 9
)
