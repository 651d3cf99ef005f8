-- SHA-256 of a text, as 64 hexadecimal digits.
-- kind: function
-- owner: team:data

-- Apart from `key`, so that the server inlines that one.
create or replace function analytics.hashed(name text) returns text
language sql immutable parallel safe
return encode(sha256(convert_to(name, 'UTF8')), 'hex')
