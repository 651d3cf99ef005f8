-- The key of a browser session: 'sha256:' and the hash of its name in hexadecimal; a name of that form, as an erased row has it, is its own key.
-- kind: function
-- owner: team:data

-- What is kept of a session by its key names nobody, and erasing a row, which puts the key in the name's place, moves nothing that is counted by session.
-- Whoever writes a name of that form knew the session's name, and could as well have written that.
-- Bytes are taken by `decode`, since `convert_to` is not immutable, and the server would not inline this.
create or replace function analytics.session_key(session_id text) returns text
language sql immutable parallel safe
return case
    when left(session_id, 7) = 'sha256:' and session_id ~ '^sha256:[0-9a-f]{64}$' then session_id
    else 'sha256:' || encode(sha256(decode(replace(session_id, '\', '\\'), 'escape')), 'hex')
end
