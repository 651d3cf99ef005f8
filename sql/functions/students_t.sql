-- Student's t of so many degrees of freedom, below which 97.5 % lie: what 1.96 is of very many. NULL where they are not known; below one counts as one.
-- kind: function
-- owner: team:data

-- Of three and more by the expansion in E. A. Cornish and R. A. Fisher (1938), whose error is at most 0.004 here. Parts of a degree are left out.
create or replace function analytics.students_t(degrees numeric) returns numeric
language sql immutable parallel safe
return case
    when degrees < 2 then 12.706205
    when degrees < 3 then 4.302653
    else round(
        1.959963985 + 2.372271230 / floor(degrees) + 2.822498616 / floor(degrees) ^ 2 + 2.555849680 / floor(degrees) ^ 3
        + 1.589534053 / floor(degrees) ^ 4, 6
    )
end
