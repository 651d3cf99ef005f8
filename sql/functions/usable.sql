-- The instant, where it can be meant: from 2000 on and before 2100; NULL for none, infinity, and years that no clock of an app shows.
-- kind: function
-- owner: team:data
create or replace function analytics.usable(at timestamptz) returns timestamptz
language sql immutable parallel safe
return case when at >= '2000-01-01 00:00:00+00'::timestamptz and at < '2100-01-01 00:00:00+00'::timestamptz then at end
