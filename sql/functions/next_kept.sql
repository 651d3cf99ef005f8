-- The step of kept_at: the time of the click if it comes more than 2 seconds after the one kept, else the time of that one.
-- kind: function
-- owner: team:data
create or replace function analytics.next_kept(kept timestamptz, at timestamptz) returns timestamptz
language sql immutable parallel safe
return case when kept is null or at > kept + interval '2 seconds' then at else kept end
