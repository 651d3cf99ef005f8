-- Who did something: the user, else the visitor by the anonymous id, else the session; NULL where nothing tells.
-- kind: function
-- owner: team:data

-- The letter in front keeps apart what strangers may choose (an anonymous id spelled like somebody's user id) from what the app says.
create or replace function analytics.person(user_id uuid, anonymous_id text, session_id text) returns text
language sql immutable parallel safe
return case
    when user_id is not null then 'u:' || user_id::text
    when anonymous_id <> '' then 'a:' || analytics.key(anonymous_id)
    when session_id <> '' then 's:' || analytics.session_key(session_id)
end
