-- Days after a click within which a network may attribute a sale to it, by the network's name. A click made longer ago can bring no more.
-- kind: function
-- owner: team:finance

-- The one home of the number; staging.networks says why it is what it is. Any network that is not named here: 30, the industry's standard.
create or replace function analytics.attribution_window(network text) returns int
language sql immutable parallel safe
return case network
    when 'amazon' then 90
    when 'awin' then 30
    when 'commission_junction' then 30
    else 30
end
