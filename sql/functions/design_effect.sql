-- How many cases of people who make several say as much as one independent case: divide n and d by it, and the bounds of n / d are true. At least 1.
-- kind: function
-- owner: team:data

-- Clicks of one person convert together, or not at all: that a thousand clicks are of forty people makes them say less than a thousand. It is the variance
-- of n / d over people, each with all that the range holds of him, by that over independent cases (L. Kish, Survey Sampling, 1965, for rates of cases that
-- come in clusters). Give it, of the people, how many have cases that count and how many have cases that do not, whichever is fewer (`telling`), and the sums
-- over people of n × n (`nn`), n × d (`nd`), d × d (`dd`) and d × d × d (`ddd`).
-- Who makes many of the cases draws the rate to his own, so that he seems to differ less from it: the variance is multiplied by as much as it falls short
-- where a person's cases are wholly alike. Few people tell little of how much people differ: Student's t takes the place of 1.96, with the lesser of `telling`
-- and the people that d × d / dd amounts to, less one, as its degrees of freedom (E. L. Korn and B. I. Graubard, 1998). That widening ends where each person
-- is taken for one case: dd / d. This is taken, too, where nothing can be told: of one person, or where all cases count or none does.
-- NULL where d is 0.
create or replace function analytics.design_effect(n numeric, d numeric, telling numeric, nn numeric, nd numeric, dd numeric, ddd numeric)
returns numeric
language sql immutable parallel safe
return case
    when d > 0 and (dd = d * d or n = 0 or n = d) then round(greatest(1, dd / d), 6)
    when d > 0 then (
        select round(greatest(e.effect, least(e.effect * (analytics.students_t(least(telling, d * d / dd - 1)) / 1.959963984540054) ^ 2, dd / d)), 6)
        from (
            select greatest(1, (nn - 2 * n / d * nd + n / d * n / d * dd) / (n * (d - n) / d) / analytics.seen_variance(d, dd, ddd)) as effect
        ) as e
    )
end
