-- How many cases of people who make several say as much as one independent case: divide n and d by it, and the bounds of n / d are true. At least 1.
-- kind: function
-- owner: team:data

-- Clicks of one person convert together, or not at all: that a thousand clicks are of forty people makes them say less than a thousand. It is the variance
-- of n / d over people, each with all that the range holds of him, by that over independent cases (L. Kish, Survey Sampling, 1965, for rates of cases that
-- come in clusters). Of people who have at least one case (d > 0), say how many there are (`people`); how many of them have some that count and how many have
-- some that do not, whichever is fewer (`telling`); and the sums over people of n × n (`nn`), n × d (`nd`) and d × d (`dd`).
-- Few people tell little of how much people differ: Student's t takes the place of 1.96, with the lesser of `telling` and the people that d × d / dd amounts
-- to, less one, as its degrees of freedom (E. L. Korn and B. I. Graubard, 1998). That widening ends where a person's cases are taken as wholly alike, each
-- person being one case: dd / d. This is taken, too, where nothing can be told: of one person, or where all cases count or none does.
-- NULL where d is 0.
create or replace function analytics.design_effect(n numeric, d numeric, people numeric, telling numeric, nn numeric, nd numeric, dd numeric)
returns numeric
language sql immutable parallel safe
return case
    when d > 0 and (people < 2 or n = 0 or n = d) then round(greatest(1, dd / d), 6)
    when d > 0 then (
        select round(greatest(e.effect, least(e.effect * (analytics.students_t(least(telling, d * d / dd - 1)) / 1.959963985) ^ 2, dd / d)), 6)
        from (select greatest(1, people / (people - 1) * (nn - 2 * n / d * nd + n / d * n / d * dd) / (n * (d - n) / d)) as effect) as e
    )
end
