-- A name of any length as a key: itself, or '#' and its SHA-256 where it is longer than 200 bytes or begins with '#'.
-- kind: function
-- owner: team:data

-- Clients choose the names of sessions and visitors; a long one must neither break an index nor meet another one, be it one that begins alike or one
-- that is spelled like its hash.
create or replace function analytics.key(name text) returns text
language sql immutable parallel safe
return case when octet_length(name) <= 200 and left(name, 1) <> '#' then name else '#' || analytics.hashed(name) end
