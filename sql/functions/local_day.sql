-- The calendar day on which an instant falls in a time zone, by the server's zone data; NULL where there is no instant.
-- kind: function
-- owner: team:data

-- The one place that cuts days; day_start is its inverse.
create or replace function analytics.local_day(at timestamptz, zone text) returns date
language sql immutable parallel safe
return (at at time zone zone)::date
