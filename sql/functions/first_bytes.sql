-- The first 200 bytes of a text, cut at a whole character.
-- kind: function
-- owner: team:data

-- For texts longer than that; in UTF-8 a byte of the form 10xxxxxx continues a character. Apart from `dimension`, so that the server inlines that one.
create or replace function analytics.first_bytes(said text) returns text
language sql immutable parallel safe
return convert_from(
    substring(
        convert_to(said, 'UTF8') from 1 for 200 - case
            when get_byte(convert_to(said, 'UTF8'), 200) & 192 <> 128 then 0
            when get_byte(convert_to(said, 'UTF8'), 199) & 192 <> 128 then 1
            when get_byte(convert_to(said, 'UTF8'), 198) & 192 <> 128 then 2
            else 3
        end
    ), 'UTF8'
)
