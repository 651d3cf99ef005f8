-- A name of any length as a key: itself, or its SHA-256 where it is longer than 200 bytes.
-- kind: function
-- owner: team:data

-- Clients choose the names of sessions and visitors; a long one must neither break an index nor meet another one that begins alike.
create or replace function analytics.key(name text) returns text
language sql immutable parallel safe
return case when octet_length(name) <= 200 then name else analytics.hashed(name) end
