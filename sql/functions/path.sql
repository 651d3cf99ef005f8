-- The path of a page's address, as a dimension: without scheme, host, query and fragment; '(not set)' where there is none.
-- kind: function
-- owner: team:data

-- Addresses carry search words, click ids and tokens of single visitors behind `?` and `#`; a path is what pages are compared by.
create or replace function analytics.path(address text) returns text
language sql immutable parallel safe
return analytics.dimension(regexp_replace(left(address, 4000), '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*|[?#].*$', '', 'g'))
