-- A text as a dimension of a published table: at most 200 bytes of it, '(not set)' where there is none.
-- kind: function
-- owner: team:data

-- Whatever a stranger writes must fit into a key: an index row holds 2,704 bytes, and the texts of one key stay below 2,000 together.
create or replace function analytics.dimension(said text) returns text
language sql immutable parallel safe
return case
    when said is null or said = '' then '(not set)'
    when octet_length(said) <= 200 then said
    else analytics.first_bytes(said)
end
