-- What Supabase puts into every database: the schemas auth and extensions, and who may enter them. Run once, by a superuser.

do $$
begin
    execute format('alter database %I owner to postgres', current_database());
end
$$;

grant usage on schema public to anon, authenticated, service_role;

create schema extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;

do $$
begin
    if exists (select from pg_available_extensions where name = 'pg_stat_statements') then
        create extension pg_stat_statements schema extensions;
        grant execute on function extensions.pg_stat_statements_reset to postgres;
    end if;
end
$$;
-- Else it sees the statements of others as "<insufficient privilege>".
grant pg_read_all_stats to postgres;

create schema auth authorization supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role, postgres;

set local role supabase_auth_admin;

create table auth.users (
    id uuid primary key,                        -- no default: Supabase's auth server gives the ids
    aud varchar(255),
    role varchar(255),
    email varchar(255),
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    is_anonymous boolean not null default false,
    last_sign_in_at timestamptz,
    created_at timestamptz,
    updated_at timestamptz
);
create unique index users_email_key on auth.users (email) where email is not null;
comment on table auth.users is 'Auth: Stores user login data within a secure schema.';
comment on column auth.users.id is 'Key of the user; kept when an anonymous sign-in becomes a permanent account. [pii]';
comment on column auth.users.aud is 'For whom the token is meant; NULL for rows made by hand.';
comment on column auth.users.role is 'Database role of the token, authenticated; NULL for rows made by hand.';
comment on column auth.users.email is 'Address of the account; NULL for an anonymous sign-in. [pii]';
comment on column auth.users.raw_app_meta_data is 'What the auth server keeps about the user (JSON object); NULL where nothing.';
comment on column auth.users.raw_user_meta_data is 'What the user gave when signing up (JSON object); NULL where nothing. [pii]';
comment on column auth.users.is_anonymous is 'Whether the user came by an anonymous sign-in and has no account yet.';
comment on column auth.users.last_sign_in_at is 'Time of the last sign-in; NULL where there was none.';
comment on column auth.users.created_at is 'Time the user was made; NULL for rows made by hand.';
comment on column auth.users.updated_at is 'Time of the last change; NULL where there was none.';
alter table auth.users enable row level security;

-- The deployer may read, write and reference users, but owns nothing here: no ALTER, no index, no trigger.
grant select, insert, update, delete, references on auth.users to postgres;
grant select on auth.users to service_role;

create function auth.uid() returns uuid
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$;
comment on function auth.uid() is 'The signed-in user''s id; NULL where no claims are set.';

create function auth.role() returns text
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
    )
$$;
comment on function auth.role() is 'The role claimed in the request''s token; NULL where no claims are set.';

create function auth.jwt() returns jsonb
language sql stable
as $$
    select coalesce(
        nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')
    )::jsonb
$$;
comment on function auth.jwt() is 'All claims of the request''s token; NULL where none are set.';

reset role;
