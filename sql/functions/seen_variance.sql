-- Of the variance between people, the share that is seen in how far they are from a rate that they themselves have made: 1 − 1 / n of n people of a case each.
-- kind: function
-- owner: team:data

-- Of people of d cases each, wholly alike: 1 − 2 Σd³ / (Σd Σd²) + Σd² / (Σd)², with the sums d, dd and ddd. 0 of one person.
create or replace function analytics.seen_variance(d numeric, dd numeric, ddd numeric) returns numeric
language sql immutable parallel safe
return 1 - 2 * ddd / (d * dd) + dd / (d * d)
