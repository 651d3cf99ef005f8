-- Days after a sale within which a network settles its commission, by the network's name: the amount may come, fall or be reversed until then.
-- kind: function
-- owner: team:finance

-- The one home of the number; staging.networks says why it is what it is. Any network that is not named here: 60.
create or replace function analytics.validation_days(network text) returns int
language sql immutable parallel safe
return case network
    when 'amazon' then 60
    when 'awin' then 67
    when 'commission_junction' then 71
    else 60
end
