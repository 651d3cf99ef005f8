-- The instant at which a calendar day begins in a time zone, by the server's zone data: the inverse of local_day.
-- kind: function
-- owner: team:data

-- Where the clocks go back over midnight there are two midnights, and the day begins at the first; the server takes the second. Where midnight is
-- skipped, the day begins when the clocks have been put forward.
create or replace function analytics.day_start(day date, zone text) returns timestamptz
language sql immutable parallel safe
return (day::timestamp at time zone zone)
    - case
        when ((day::timestamp at time zone zone) - interval '1 hour') at time zone zone = day::timestamp then interval '1 hour'
        else interval '0'
    end
